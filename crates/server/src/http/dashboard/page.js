const REFRESH_MS = 2000;
const KEY = "tagalong-admin-token";
const find = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** The numbers of positions by session, as of the last answer. */
let before = { at: 0, positions: new Map() };

// The address that the server prints at its first start has the token after the #, which no server is sent.
const opened = new URLSearchParams(location.hash.slice(1)).get("token");
if (opened) {
  sessionStorage.setItem(KEY, opened);
  history.replaceState(null, "", location.pathname);
}

async function ask(path, method = "GET") {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  return fetch(path, { method, headers });
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function table(place, heads, rows, nothing) {
  // What has the focus would lose it with every answer.
  if (find(place).contains(document.activeElement) && document.activeElement !== find(place)) return;
  if (rows.length === 0) return find(place).replaceChildren(element("p", nothing));
  const made = document.createElement("table");
  const head = made.createTHead().insertRow();
  for (const text of heads) {
    const cell = element("th", text);
    cell.scope = "col";
    head.append(cell);
  }
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) line.insertCell().append(cell);
  }
  find(place).replaceChildren(made);
}

const time = (text) => (text ? new Date(text).toLocaleTimeString() : "never");

/** Each sample against the one before it: how much a second. */
function rates(samples, field, per = (earlier, later) => (Date.parse(later.at) - Date.parse(earlier.at)) / 1000) {
  return samples.slice(1).map((later, index) => {
    const earlier = samples[index];
    const over = per(earlier, later);
    return over > 0 ? Math.max(0, later[field] - earlier[field]) / over : 0;
  });
}

const SVG = "http://www.w3.org/2000/svg";

function line(values) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 360 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const top = Math.max(...values, 0) || 1;
  const points = values.map((value, index) => `${360 - values.length + index},${97 - (value / top) * 94}`);
  const drawn = document.createElementNS(SVG, "polyline");
  drawn.setAttribute("points", points.join(" "));
  svg.append(drawn);
  return svg;
}

function chart(name, values, text) {
  const card = element("div", "", "card");
  const most = values.length ? Math.max(...values) : 0;
  card.append(
    element("p", name, "note"),
    element("p", text(values.at(-1) ?? 0), "value"),
    line(values),
    element("p", `most: ${text(most)}`, "note"),
  );
  return card;
}

function charts({ hour, now }) {
  const samples = [...hour, now];
  const perSecond = (value) => `${short.format(value)}/s`;
  const counted = (earlier, later) => later.timed - earlier.timed;
  find("charts").replaceChildren(
    chart("Connections", samples.map((sample) => sample.connections), whole.format),
    chart("Rooms", samples.map((sample) => sample.rooms), whole.format),
    chart("Positions in", rates(samples, "received"), perSecond),
    chart("Positions out", rates(samples, "delivered"), perSecond),
    chart("Mean delay", rates(samples, "waited", counted), (value) => `${short.format(value * 1000)} ms`),
    chart("Memory", samples.map((sample) => sample.memory), (value) => `${short.format(value / 2 ** 20)} MiB`),
    chart("Processor", rates(samples, "processor"), (value) => `${short.format(value * 100)} %`),
  );
}

function health({ health: { status, checks } }) {
  const cards = Object.entries(checks).map(([name, check]) => {
    const card = element("div", "", "card");
    const bad = check.status === "unhealthy" || check.status === "degraded";
    card.append(element("dt", name), element("dd", check.status.replace("_", " "), bad ? "value bad" : "value"));
    const took = check.response_time_ms;
    card.append(element("dd", check.error ?? (took ? `${short.format(took)} ms` : ""), "note"));
    return card;
  });
  find("health").replaceChildren(...cards);
  return status;
}

function endButton(session) {
  const button = element("button", "End…", "danger");
  button.setAttribute("aria-label", `End session ${session}`);
  button.addEventListener("click", () => {
    find("confirm-session").textContent = session;
    find("confirm").showModal();
  });
  return button;
}

function rooms({ rooms: shown, now }) {
  const at = Date.parse(now.at);
  const seconds = (at - before.at) / 1000;
  const rate = (room) => {
    const known = before.positions.get(room.session);
    return known === undefined || seconds <= 0 ? "–" : `${short.format((room.positions - known) / seconds)}/s`;
  };
  const row = (room) => [
    room.session.slice(0, 8),
    whole.format(room.participants),
    whole.format(room.connections),
    whole.format(room.watchers),
    rate(room),
    time(room.ends_at),
    endButton(room.session),
  ];
  const heads = ["Room", "People", "Connections", "Watchers", "Positions", "Ends", "End it"];
  table("rooms", heads, shown.map(row), "There are none.");
  before = { at, positions: new Map(shown.map((room) => [room.session, room.positions])) };
}

function lists(state) {
  const slow = state.connections.map((one) => [
    one.session.slice(0, 8),
    one.watcher ? "watcher" : "participant",
    one.behind_ms < 1000 ? "–" : `${whole.format(one.behind_ms / 1000)} s`,
    whole.format(one.queued),
    whole.format(one.owed),
    whole.format(one.superseded),
  ]);
  const behind = ["Room", "Kind", "Takes nothing for", "Events", "Positions", "Replaced"];
  table("slow", behind, slow, "Everyone keeps up.");
  const jobs = state.jobs.map((job) => [
    job.name,
    time(job.last_run),
    time(job.next_run),
    whole.format(job.done),
    whole.format(job.failed + job.panicked + job.hung),
  ]);
  table("jobs", ["Job", "Last run", "Next", "Done", "Went wrong"], jobs, "There are none.");
  const failures = state.failures.map((one) => [time(one.at), one.what, one.why, one.request_id || "–"]);
  table("failures", ["When", "Route or job", "What", "Request id"], failures, "There were none.");
  const settings = state.settings.map((one) => [one.name, one.value || "–", one.source]);
  table("settings", ["Setting", "Value", "From"], settings, "");
}

function show(state) {
  find("version").textContent = state.version;
  find("sign-in").hidden = true;
  find("content").hidden = false;
  charts(state);
  rooms(state);
  lists(state);
  return health(state);
}

/** Said once for each change: a screen reader reads it out. */
function say(text) {
  if (find("status").textContent !== text) find("status").textContent = text;
}

async function refresh() {
  try {
    const answer = await ask("/dashboard/state");
    if (answer.status === 401) {
      find("content").hidden = true;
      find("sign-in").hidden = false;
      const tried = sessionStorage.getItem(KEY) !== null;
      say(tried ? "This token does not open it." : "It opens with the admin token (ADMIN_TOKEN).");
    } else if (answer.ok) {
      say(`The server is ${show(await answer.json())}.`);
    } else {
      say(`The server refuses (${answer.status}).`);
    }
  } catch {
    say("The server does not answer.");
  }
}

find("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, find("token").value);
  find("token").value = "";
  refresh();
});
find("confirm-no").addEventListener("click", () => find("confirm").close());
find("confirm-yes").addEventListener("click", async () => {
  find("confirm").close();
  const session = find("confirm-session").textContent;
  const answer = await ask(`/dashboard/sessions/${session}/end`, "POST").catch(() => null);
  find("rooms").focus();
  say(answer?.ok ? "The session is over." : "The session could not be ended.");
});

// Without a token that holds there is nothing to ask for: each time would count as a wrong guess.
setInterval(() => document.hidden || !find("sign-in").hidden || refresh(), REFRESH_MS);
refresh();

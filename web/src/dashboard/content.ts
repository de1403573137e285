import { h } from "../ui/dom";
import { charts } from "./charts";
import { short, shortAlias, timeOfDay, whole } from "./format";
import { roomsSection } from "./rooms";
import type { DashboardState } from "./server";
import { tableSection } from "./table-section";
import { texts } from "./texts";

/** A connection that has accepted nothing for less than this is not called blocked. */
const BLOCKED_MS = 1000;

interface Content {
  element: HTMLElement;
  show(state: DashboardState): void;
  focusRooms(): void;
}

/** All that the server tells the operator, drawn from its newest answer. */
export function content(onEnd: (alias: string) => void): Content {
  const chartCards = h("div", { class: "cards" });
  const healthCards = h("dl", { class: "cards" });
  const rooms = roomsSection(onEnd);
  const slowConsumers = tableSection({
    id: "slow",
    title: texts.slowConsumers,
    note: texts.slowConsumersNote,
    columns: ["Room", "Kind", "Blocked for", "Queued events", "Pending positions", "Replaced positions"],
    empty: texts.noSlowConsumers,
  });
  const jobs = tableSection({
    id: "jobs",
    title: texts.jobs,
    columns: ["Job", "Last run", "Next run", "Succeeded", "Failed"],
    empty: texts.noJobs,
  });
  const failures = tableSection({
    id: "failures",
    title: texts.failures,
    note: texts.failuresNote,
    columns: ["Time", "Route or job", "Error", "Request ID"],
    empty: texts.noFailures,
  });
  const settings = tableSection({
    id: "settings",
    title: texts.settings,
    columns: ["Setting", "Value", "Source"],
    empty: "",
  });
  return {
    element: h(
      "div",
      { hidden: true },
      h("section", {}, h("h2", {}, texts.load), chartCards),
      h("section", {}, h("h2", {}, texts.health), healthCards),
      rooms.element,
      ...[slowConsumers, jobs, failures, settings].map(({ element }) => element),
    ),
    show(state) {
      chartCards.replaceChildren(...charts(state));
      healthCards.replaceChildren(...health(state));
      rooms.show(state);
      slowConsumers.show(state.connections.map(connectionRow));
      jobs.show(state.jobs.map(jobRow));
      failures.show(
        state.failures.map(({ at, what, why, request_id }) => [timeOfDay(at), what, why, request_id || "–"]),
      );
      settings.show(state.settings.map(({ name, value, source }) => [name, value || "–", source]));
    },
    focusRooms: () => rooms.focus(),
  };
}

function health({ health: { checks } }: DashboardState): HTMLElement[] {
  return Object.entries(checks).map(([name, { status, error, response_time_ms: ms }]) => {
    const isBad = status === "unhealthy" || status === "degraded";
    return h(
      "div",
      { class: "card" },
      h("dt", {}, name),
      h("dd", { class: isBad ? "value bad" : "value" }, status.replace("_", " ")),
      h("dd", { class: "note" }, error ?? (ms ? `${short(ms)} ms` : "")),
    );
  });
}

function connectionRow(connection: DashboardState["connections"][number]): string[] {
  const { session, watcher, behind_ms, queued, owed, superseded } = connection;
  return [
    shortAlias(session),
    watcher ? "watcher" : "participant",
    behind_ms < BLOCKED_MS ? "–" : `${whole(behind_ms / 1000)} s`,
    whole(queued),
    whole(owed),
    whole(superseded),
  ];
}

function jobRow({ name, last_run, next_run, done, failed, panicked, hung }: DashboardState["jobs"][number]) {
  return [name, timeOfDay(last_run), timeOfDay(next_run), whole(done), whole(failed + panicked + hung)];
}

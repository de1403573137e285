import {
  ApiError,
  changeSession,
  endSession,
  getConfig,
  getTrackers,
  isGone,
  removeParticipant,
  removeWatchers,
  revokeTrackers,
} from "./api";
import { formatDuration } from "./format";
import { isolated } from "./i18n/isolated";
import { t } from "./i18n/texts";
import { loadModule } from "./load-module";
import type { Camera } from "./map/camera";
import { forgetParticipation, type Membership } from "./membership";
import { joinPath } from "./route";
import type { SessionEvent, SessionState } from "./session";
import { anHourMore, lengthsUpTo } from "./session-lengths";
import type { Intent } from "./sharing-role";
import type { Track } from "./track";
import { saveGpx } from "./ui/gpx-file";
import type { LiveActions } from "./ui/live-layout";
import { describeProblem } from "./ui/problem";
import { openSessionMenu } from "./ui/session-menu";
import { openShareSheet } from "./ui/share-sheet";
import { choiceSheet, confirmSheet, openSheet } from "./ui/sheet";

/** The part of the live page that the actions read and change. */
export interface LiveSession {
  readonly options: {
    readonly sessionId: string;
    readonly membership: Membership & { token: string };
    onJoinInstead(): void;
  };
  readonly state: SessionState;
  readonly camera: Camera;
  readonly track: Track;
  readonly layout: { say(text: string): void };
  readonly sharesByApp: boolean;
  remainingMs(): number | null;
  dispatch(event: SessionEvent): void;
  draw(): void;
  /** Calls back with each drawing until the returned function is called. */
  onDraw(callback: () => void): () => void;
  setCamera(camera: Camera): void;
  choose(userId: string): void;
  closeCard(): void;
  share(intent: Intent): void;
  /** Shares from here until the first position comes from an app. */
  expectApp(onArrival: () => void): void;
}

/** All actions of a person on the live page. */
export function liveActions(live: LiveSession): LiveActions {
  return {
    onInvite: () => void openShareSheet(linkOf(live), live.state.name, live.state.locked),
    onMenu: () => openMenu(live),
    onExtend: () => void extend(live),
    onFit: () => live.setCamera({ mode: "everyone" }),
    onCentreOnMe: () => follow(live, live.state.me),
    onChoose: (userId) => live.choose(userId),
    onFollow: (userId) => follow(live, userId),
    onStopFollowing: () => live.setCamera({ mode: "free" }),
    onCloseCard: () => live.closeCard(),
    onList: () => live.draw(),
    onRemove: (userId, name) => void remove(live, userId, name),
    onStart: () => live.share("sharing"),
    onPause: () => live.share("paused"),
    onStop: () => stop(live),
    onJoin: () => joinInstead(live),
  };
}

function linkOf({ options: { membership, sessionId } }: LiveSession): string {
  return membership.joinLink ?? location.origin + joinPath(sessionId);
}

/** Following the same person again stops following. */
function follow(live: LiveSession, userId: string | null): void {
  if (userId === null) return;
  const isFollowed = live.camera.mode === "person" && live.camera.userId === userId;
  live.setCamera(isFollowed ? { mode: "free" } : { mode: "person", userId });
}

function joinInstead({ options }: LiveSession): void {
  forgetParticipation(options.sessionId);
  options.onJoinInstead();
}

function openMenu(live: LiveSession): void {
  const { state, track, options } = live;
  const { creatorToken } = options.membership;
  const menu = openSessionMenu({
    title: state.name === null ? t.untitled : isolated(state.name),
    isWatcher: state.me === null,
    onTrackerSetup: state.me === null ? null : () => void openTrackerSetup(live, state.me ?? ""),
    onLeave: () => void leave(live),
    onDownload: track.points.length > 1 ? () => saveGpx(state.name, track.points) : null,
    creator: creatorToken
      ? {
          isLocked: () => live.state.locked,
          onLock: (locked) => update(live, creatorToken, { locked }),
          lengths: longestSession().then(lengthsUpTo),
          onChangeEnd: (minutes) => update(live, creatorToken, { expires_in_minutes: minutes }),
          watchers: () => live.state.watchers,
          onRemoveWatchers: () => void removeAllWatchers(live, creatorToken),
          onEnd: () => void end(live, creatorToken),
        }
      : null,
  });
  void menu.closed.then(live.onDraw(menu.update));
}

/** Without an answer: the server's default, a day. */
function longestSession(): Promise<number> {
  return getConfig().then(
    (config) => config.max_session_minutes,
    () => 1440,
  );
}

/** The page shows the session as the server's answer describes it. */
function update(
  live: LiveSession,
  creatorToken: string,
  change: Parameters<typeof changeSession>[2],
): Promise<boolean> {
  return attempt(live, async () => {
    const session = await changeSession(live.state.sessionId, creatorToken, change);
    live.dispatch({ type: "described", ...session });
  });
}

async function extend(live: LiveSession): Promise<void> {
  const { creatorToken } = live.options.membership;
  if (!creatorToken || live.state.endsAt === null) return;
  const minutes = anHourMore(live.remainingMs() ?? 0, await longestSession());
  if (await update(live, creatorToken, { expires_in_minutes: minutes })) {
    live.layout.say(t.endsIn(formatDuration(minutes * 60_000)));
  }
}

/** Stopping includes the app. The app cannot be notified, so its link is revoked. */
function stop(live: LiveSession): void {
  const { sessionId, membership } = live.options;
  const wasApp = live.sharesByApp;
  live.share("stopped");
  if (wasApp && membership.userId) {
    const { userId, token } = membership;
    void attempt(live, () => revokeTrackers(sessionId, userId, token));
  }
}

async function openTrackerSetup(live: LiveSession, userId: string): Promise<void> {
  const { sessionId, membership } = live.options;
  await attempt(live, async () => {
    const ask = () => getTrackers(sessionId, userId, membership.token);
    const [{ trackers, last_report: before }, { openTrackerSheet }] = await Promise.all([
      ask(),
      loadModule(() => import("./ui/tracker-sheet")),
    ]);
    openTrackerSheet({
      trackers,
      before,
      positionLifeMs: live.state.positionLifeMs,
      expect: (onArrival) => live.expectApp(onArrival),
      ask: async () => (await ask()).last_report,
    });
  });
}

async function leave(live: LiveSession): Promise<void> {
  const { sessionId, membership } = live.options;
  const { userId, token } = membership;
  if (userId) {
    if (!(await confirmSheet(t.leaveQuestion, t.leaveText, t.leave))) return;
    live.share("stopped");
    live.dispatch({ type: "leaving" });
    if (!(await attempt(live, () => removeParticipant(sessionId, userId, token)))) return;
  }
  live.dispatch({ type: "ended", reason: "left" });
}

async function end(live: LiveSession, creatorToken: string): Promise<void> {
  if (!(await confirmSheet(t.endQuestion, t.endText, t.end))) return;
  if (await attempt(live, () => endSession(live.options.sessionId, creatorToken))) {
    live.dispatch({ type: "ended", reason: "ended_by_creator" });
  }
}

async function remove(live: LiveSession, userId: string, name: string): Promise<void> {
  const { sessionId, membership } = live.options;
  const { creatorToken } = membership;
  if (!creatorToken) return;
  const { locked } = live.state;
  const text = locked ? t.removeLockedText : t.removeText;
  const actions = locked ? [t.remove] : [t.remove, t.removeAndLock];
  const chosen = await choiceSheet(t.removeQuestion(name), text, actions);
  if (chosen === null) return;
  await attempt(live, async () => {
    // Lock first: otherwise the person could return in between.
    if (chosen === t.removeAndLock) await changeSession(sessionId, creatorToken, { locked: true });
    await removeParticipant(sessionId, userId, creatorToken);
  });
}

async function removeAllWatchers(live: LiveSession, creatorToken: string): Promise<void> {
  const text = t.removeWatchersText;
  if (!(await confirmSheet(t.removeWatchersQuestion, text, t.removeWatchers))) return;
  await attempt(live, () => removeWatchers(live.options.sessionId, creatorToken));
}

/** Shows the error. If the participant or the session is already gone, no message is needed. */
async function attempt(live: LiveSession, run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code.startsWith("PARTICIPANT_")) return true;
    if (isGone(error)) live.dispatch({ type: "ended", reason: "over" });
    else openSheet(t.somethingWrong, describeProblem(error));
    return false;
  }
}

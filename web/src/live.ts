import { ApiError, type Config, getConfig, getSession, isGone, leaveOnUnload, watchSession } from "./api";
import { type ChannelEvent, type Fix, type LiveChannel, openChannel, WATCHING_REVOKED } from "./channel";
import { systemClock } from "./clock";
import { type LiveSession, liveActions } from "./live-actions";
import { loadModule, ModuleLoadError } from "./load-module";
import type { Camera } from "./map/camera";
import type { MapView } from "./map/map";
import {
  choose,
  forgetMembership,
  forgetParticipation,
  isStored,
  type Membership,
  onMembershipChange,
  onSharingTabClosed,
  readRole,
  readTrack,
  resume,
  storeTrack,
  updateMembership,
} from "./membership";
import { roster } from "./roster";
import { apply, type EndReason, newSession, type SessionEvent, type SessionState } from "./session";
import { createSharing, type SharingPhase } from "./sharing";
import { type Intent, type Role, statusOf } from "./sharing-role";
import { Track } from "./track";
import type { Page } from "./ui/dom";
import type { SessionEnd } from "./ui/ended";
import { type LiveView, liveLayout } from "./ui/live-layout";
import { showUpdateBanner } from "./ui/update-banner";
import { keepAwake } from "./wake-lock";

export interface LiveOptions {
  sessionId: string;
  membership: Membership & { token: string };
  onEnded(sessionEnd: SessionEnd): void;
  onJoinInstead(): void;
}

const TICK_MS = 1_000;
const CHECK_PAUSE_MS = 5_000;
const DRAW_PAUSE_MS = 250;
/** Events of which every participant sends many: they are drawn at intervals. */
const FREQUENT: ReadonlySet<SessionEvent["type"]> = new Set([
  "location_update",
  "position_answered",
  "time_passed",
]);
/** A crash of the tab loses at most this much of one's own track. */
const STORE_TRACK_MS = 60_000;
/** All removed watchers request a new token at a random time within this. */
const REWATCH_WITHIN_MS = 1_000;
const REWATCH_RETRY_MS = 5_000;
/** Errors after which a watcher does not retry. */
const FINAL_WATCH_ERRORS: ReadonlySet<string> = new Set(["SESSION_LOCKED", "SESSION_FULL"]);
/** Phases in which this page is sharing, or is about to. */
const ACTIVE_PHASES: ReadonlySet<SharingPhase> = new Set(["searching", "on", "no_gps", "quiet"]);
/** Phases in which one's own position stays on the map, sent by this page, another tab or an app. */
const PHASES_WITH_POSITION: ReadonlySet<SharingPhase> = new Set([
  "on",
  "no_gps",
  "quiet",
  "app",
  "elsewhere",
]);
/** These end one's own participation, not the session: a creator keeps the right to end it. */
const OWN_END_REASONS: ReadonlySet<EndReason> = new Set(["left", "removed", "full", "locked"]);

/** The page of a running session: events change the state, and everything is drawn from the state. */
export class Live implements Page, LiveSession {
  readonly title = null;
  readonly track: Track;
  readonly layout;
  readonly element: HTMLElement;
  state: SessionState;
  camera: Camera = { mode: "everyone" };
  chosen: string | null = null;
  private group: readonly string[] = [];
  private readonly clock = systemClock();
  private readonly disposal = new AbortController();
  private channel: LiveChannel;
  private readonly sharing = createSharing({
    clock: this.clock,
    onFix: (fix, takenAt) => this.sendFix(fix, takenAt),
    onPhase: (phase) => this.onPhaseChange(phase),
  });
  private map: MapView | null = null;
  private isMapMissing = false;
  private lastFix: Fix | null = null;
  private checkedAt = Number.NEGATIVE_INFINITY;
  private trackStoredAt = Number.NEGATIVE_INFINITY;
  private cancelTick = () => {};
  private releaseWakeLock = () => {};
  private sharingTabWatch = new AbortController();
  private frame = 0;
  private drawnAt = Number.NEGATIVE_INFINITY;
  private isDrawDue = false;
  private readonly drawListeners = new Set<() => void>();
  private cancelRewatch = () => {};
  private onAppArrival: (() => void) | null = null;

  constructor(readonly options: LiveOptions) {
    const { sessionId, membership } = options;
    this.state = newSession(sessionId, membership.userId ?? null);
    this.track = Track.fromText(readTrack(sessionId));
    const { signal } = this.disposal;
    this.layout = liveLayout(liveActions(this), membership.creatorToken !== undefined, signal);
    this.element = this.layout.element;
    this.channel = this.connect(membership.token);
    document.addEventListener("visibilitychange", () => this.onVisibilityChange(), { signal });
    window.addEventListener("pagehide", () => this.onPageHide(), { signal });
    this.tick();
    void this.fetchSession();
    void this.openMap();
    if (!membership.userId) {
      // Sharing keeps the screen on, which a watcher does not do.
      this.releaseWakeLock = keepAwake();
      return;
    }
    this.applyRole(resume(sessionId));
    onMembershipChange(sessionId, () => this.applyRole(this.role), signal);
  }

  dispatch(event: SessionEvent): void {
    if (this.disposal.signal.aborted) return;
    const before = this.state;
    this.state = apply(before, event, this.clock.now());
    if (this.state === before) return;
    this.layout.announce(before, this.state);
    if (this.state.ended) {
      this.finish(this.state.ended);
      return;
    }
    if (this.state.endsAt !== before.endsAt || this.state.name !== before.name) this.storeSessionFacts();
    if (FREQUENT.has(event.type)) this.scheduleDraw();
    else this.draw();
  }

  dispose(): void {
    this.disposal.abort();
    this.sharingTabWatch.abort();
    this.cancelTick();
    this.cancelRewatch();
    cancelAnimationFrame(this.frame);
    this.releaseWakeLock();
    this.sharing.dispose();
    this.channel.close();
    this.map?.dispose();
  }

  /** Calls back after each drawing until the returned function is called. For dialogs above the page. */
  onDraw(callback: () => void): () => void {
    this.drawListeners.add(callback);
    return () => this.drawListeners.delete(callback);
  }

  share(intent: Intent): void {
    choose(this.options.sessionId, intent);
    this.applyRole(intent);
  }

  remainingMs(): number | null {
    return this.state.endsAt === null ? null : this.state.endsAt - this.clock.now();
  }

  get sharesByApp(): boolean {
    return this.role === "app";
  }

  private get role(): Role {
    return readRole(this.options.sessionId);
  }

  private applyRole(role: Role): void {
    if (role === "sharing") this.sharing.start();
    else if (role === "app" || role === "elsewhere") this.sharing.handOver(role);
    else if (role === "paused") this.sharing.pause();
    else this.sharing.stop();
    this.sharingTabWatch.abort();
    if (role !== "elsewhere") return;
    this.sharingTabWatch = new AbortController();
    const { signal } = this.sharingTabWatch;
    // The closed tab has sent no status.
    void onSharingTabClosed(this.options.sessionId, this.clock, signal, () => this.share("stopped"));
  }

  /**
   * Calls back when the first position comes from an app. Until then this tab shares: positions of another tab could not be
   * told from the app's. If this tab does not share at all, the app's position begins the sharing.
   */
  expectApp(onArrival: () => void): void {
    this.onAppArrival = onArrival;
    if (this.role === "elsewhere") this.share("sharing");
    else if (!ACTIVE_PHASES.has(this.sharing.phase)) this.share("app");
  }

  setCamera(camera: Camera): void {
    this.camera = camera;
    this.map?.setCamera(camera);
    this.draw();
  }

  /** Selects a person: shows their card and centres the map on them. Selecting them again closes the card. */
  choose(userId: string): void {
    this.chosen = this.chosen === userId ? null : userId;
    this.group = [];
    if (this.chosen) {
      this.setCamera({ mode: "free" });
      this.map?.centreOn(userId);
    }
    this.draw();
  }

  closeCard(): void {
    this.chosen = null;
    this.group = [];
    this.draw();
  }

  private openGroup(userIds: readonly string[]): void {
    this.chosen = null;
    this.group = userIds;
    this.draw();
  }

  private connect(token: string): LiveChannel {
    return openChannel(this.options.sessionId, token, this.clock, (event) => this.receive(event));
  }

  private receive(event: ChannelEvent): void {
    // Closing the channel produces a last event, which must not start a request.
    if (this.disposal.signal.aborted) return;
    this.dispatch(event);
    if (event.type === "dismissed" && event.data.reason === WATCHING_REVOKED) {
      this.channel.close();
      this.scheduleRewatch(Math.random() * REWATCH_WITHIN_MS);
    }
    // The server does not echo this page's own positions, so this one is from an app or another tab.
    if (event.type === "location_update" && event.data.user_id === this.state.me) this.noticeAppPosition();
    if (event.type === "initial_participants") {
      this.sendStatus();
      this.sharing.resend();
    }
    if (event.type === "joined") {
      this.map?.refresh();
      this.retryMap();
    }
    if (event.type === "connection" && event.state === "offline") void this.checkEnded();
  }

  private scheduleRewatch(ms: number): void {
    this.cancelRewatch();
    this.cancelRewatch = this.clock.after(ms, () => void this.rewatch());
  }

  /** All watchers were removed. With the link one may watch again, unless the session is locked. */
  private async rewatch(): Promise<void> {
    const { sessionId } = this.options;
    try {
      const { websocket_token: token } = await watchSession(sessionId);
      if (this.disposal.signal.aborted) return;
      updateMembership(sessionId, { token });
      this.options.membership.token = token;
      this.channel = this.connect(token);
    } catch (error) {
      const isFinal = isGone(error) || (error instanceof ApiError && FINAL_WATCH_ERRORS.has(error.code));
      if (isFinal) this.dispatch({ type: "refused", reason: error.code.toLowerCase() });
      else this.scheduleRewatch(REWATCH_RETRY_MS);
    }
  }

  private noticeAppPosition(): void {
    if (!this.onAppArrival || this.role === "elsewhere") return;
    this.onAppArrival();
    this.onAppArrival = null;
    this.share("app");
  }

  /** Draws at the next frame, once for all events until then. A hidden page has no frames. */
  draw(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.drawNow());
  }

  /** Draws frequent events together, at intervals. */
  private scheduleDraw(): void {
    if (this.isDrawDue || this.frame !== 0) return;
    this.isDrawDue = true;
    this.clock.after(Math.max(0, this.drawnAt + DRAW_PAUSE_MS - this.clock.now()), () => {
      this.isDrawDue = false;
      if (!this.disposal.signal.aborted) this.draw();
    });
  }

  private drawNow(): void {
    this.frame = 0;
    this.drawnAt = this.clock.now();
    const view = this.view();
    this.layout.update(view);
    this.map?.draw(view.entries, this.chosen);
    for (const callback of this.drawListeners) callback();
  }

  private view(): LiveView {
    const { state, camera, chosen, group, clock, sharing } = this;
    const now = clock.now();
    const entries = roster(state, now);
    return {
      state,
      entries,
      camera,
      chosen,
      group,
      now,
      sharing: {
        phase: state.me === null ? "watching" : sharing.phase,
        connection: state.connection,
        isRefused: state.isPositionRefused,
        isPrompting: sharing.isPrompting,
        accuracy: sharing.accuracy,
        ageMs: sharing.foundAt === null ? null : now - sharing.foundAt,
        // On joining the server sends the time of one's own last position, not the position itself.
        isOnMap: entries.some(({ isMe, ageMs }) => isMe && ageMs !== null && ageMs <= state.positionLifeMs),
      },
    };
  }

  private tick(): void {
    this.dispatch({ type: "time_passed" });
    this.scheduleDraw();
    this.cancelTick = this.clock.after(TICK_MS, () => this.tick());
  }

  private async openMap(): Promise<void> {
    try {
      const [config, { openMap }] = await Promise.all([mapConfig(), loadModule(() => import("./map/map"))]);
      const map = await openMap({
        container: this.layout.mapContainer,
        config,
        onMoved: () => this.setCamera({ mode: "free" }),
        onChoose: (userId) => this.choose(userId),
        onOpenGroup: (userIds) => this.openGroup(userIds),
        covers: this.layout.mapCovers,
        onTiles: (areThere) => this.layout.showTilesMissing(!areThere),
      });
      if (this.disposal.signal.aborted) return map.dispose();
      this.map = map;
      this.layout.showMap();
      this.setCamera(this.camera);
    } catch (error) {
      if (error instanceof ModuleLoadError) return this.noteMapNotLoaded(error);
      console.warn("The map cannot be drawn.", error);
      this.layout.showMapUnavailable();
    }
  }

  private noteMapNotLoaded({ problem }: ModuleLoadError): void {
    this.layout.showMapNotLoaded();
    this.isMapMissing = true;
    if (problem === "update") showUpdateBanner();
  }

  private retryMap(): void {
    if (!this.isMapMissing) return;
    this.isMapMissing = false;
    void this.openMap();
  }

  private async fetchSession(): Promise<void> {
    const { sessionId, membership } = this.options;
    try {
      this.dispatch({ type: "described", ...(await getSession(sessionId, membership.token)) });
    } catch (error) {
      if (isGone(error)) this.dispatch({ type: "refused", reason: error.code.toLowerCase() });
    }
  }

  /** A browser hides why a WebSocket was rejected, so the page requests the session, at intervals. */
  private async checkEnded(): Promise<void> {
    const now = this.clock.now();
    if (now - this.checkedAt < CHECK_PAUSE_MS) return;
    this.checkedAt = now;
    await this.fetchSession();
  }

  private sendFix(fix: Fix, takenAt: number): void {
    if (fix.lat !== this.lastFix?.lat || fix.lng !== this.lastFix.lng) {
      const { lat, lng, altitude } = fix;
      this.track.push({ lat, lng, time: new Date(), ...(altitude !== undefined && { altitude }) });
    }
    this.lastFix = fix;
    if (this.clock.now() - this.trackStoredAt > STORE_TRACK_MS) this.storeTrack();
    this.channel.sendLocation(fix);
    this.dispatch({ type: "own_position", fix, at: takenAt });
  }

  private storeTrack(): void {
    if (this.track.points.length === 0) return;
    this.trackStoredAt = this.clock.now();
    storeTrack(this.options.sessionId, this.track.toText());
  }

  /** For the list of sessions on the start page. */
  private storeSessionFacts(): void {
    const { name, endsAt } = this.state;
    if (endsAt === null) return;
    const { sessionId } = this.options;
    updateMembership(sessionId, { name, endsAt: Date.now() + endsAt - this.clock.now() });
  }

  private onPhaseChange(phase: SharingPhase): void {
    if (!PHASES_WITH_POSITION.has(phase)) this.dispatch({ type: "own_position_gone" });
    this.sendStatus();
    this.draw();
  }

  private sendStatus(): void {
    if (this.state.me === null) return;
    const status = statusOf(this.role, this.sharing.phase, document.visibilityState === "hidden");
    if (status === null) return;
    this.channel.sendStatus(status);
    this.dispatch({ type: "own_status", status });
  }

  private onVisibilityChange(): void {
    this.sendStatus();
    if (document.visibilityState === "visible") this.sharing.refresh();
    else this.storeTrack();
  }

  /** Without storage this person cannot return, so they leave: otherwise they would stay in everyone's list. */
  private onPageHide(): void {
    this.storeTrack();
    const { sessionId, membership } = this.options;
    if (membership.userId && !isStored(sessionId))
      leaveOnUnload(sessionId, membership.userId, membership.token);
  }

  private finish(reason: EndReason): void {
    const { sessionId, onEnded } = this.options;
    // On "replaced" other tabs still use the membership.
    if (OWN_END_REASONS.has(reason)) forgetParticipation(sessionId);
    else if (reason !== "replaced") forgetMembership(sessionId);
    const { track, state } = this;
    this.dispose();
    onEnded({ reason, sessionName: state.name, track: track.points });
  }
}

/** Without an answer the map shows only the built-in world. */
function mapConfig(): Promise<Config["map"]> {
  return getConfig().then(
    (config) => config.map,
    () => ({ tiles: null, style_url: null }),
  );
}

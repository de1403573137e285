import { type Config, getConfig, getSession, isGone } from "./api";
import { type ChannelEvent, type Fix, type LiveChannel, openChannel } from "./channel";
import { systemClock } from "./clock";
import type { TrackPoint } from "./gpx";
import { liveActions } from "./live-actions";
import type { Camera } from "./map/camera";
import type { MapView } from "./map/map";
import { roster } from "./roster";
import {
  choose,
  forgetSeat,
  giveUpPlace,
  isSharerGone,
  readRole,
  resume,
  type Seat,
  watchSeat,
} from "./seat";
import { apply, type EndReason, newSession, type SessionEvent, type SessionState } from "./session";
import { type Intent, type Role, statusOf } from "./sharer";
import { createSharing, type SharingPhase } from "./sharing";
import type { Page } from "./ui/dom";
import type { Farewell } from "./ui/ended";
import { liveLayout } from "./ui/live-layout";

export interface LiveOptions {
  sessionId: string;
  seat: Seat & { token: string };
  onEnded(farewell: Farewell): void;
  onJoinInstead(): void;
}

const TICK_MS = 1_000;
const CHECK_PAUSE_MS = 5_000;
/** While these last, the page has something to share. */
const GOES_ON: ReadonlySet<SharingPhase> = new Set(["searching", "on", "no_gps"]);
/** Whether it is this page or another tab or an app that shares, one is still on the map. */
const KEEPS_POSITION: ReadonlySet<SharingPhase> = new Set(["on", "no_gps", "app", "elsewhere"]);
/** These end one's own place, not the session: a creator keeps the right to end it. */
const ONLY_MY_END: ReadonlySet<EndReason> = new Set(["left", "removed", "full"]);

/** A session while it is on: events come in, the state changes, everything is drawn from the state. */
export class Live implements Page {
  readonly title = null;
  readonly track: TrackPoint[] = [];
  readonly layout;
  readonly element: HTMLElement;
  state: SessionState;
  camera: Camera = { mode: "everyone" };
  chosen: string | null = null;
  private readonly clock = systemClock();
  private readonly disposal = new AbortController();
  private readonly channel: LiveChannel;
  private readonly sharing = createSharing({
    clock: this.clock,
    onFix: (fix) => this.tellFix(fix),
    onPhase: (phase) => this.tellPhase(phase),
  });
  private map: MapView | null = null;
  private lastFix: Fix | null = null;
  private checkedAt = Number.NEGATIVE_INFINITY;
  private cancelTick = () => {};
  private onAppArrival: (() => void) | null = null;

  constructor(readonly options: LiveOptions) {
    const { sessionId, seat } = options;
    this.state = newSession(sessionId, seat.userId ?? null);
    const { signal } = this.disposal;
    this.layout = liveLayout(liveActions(this), seat.creatorToken !== undefined, signal);
    this.element = this.layout.element;
    this.channel = openChannel(sessionId, seat.token, (event) => this.receive(event));
    document.addEventListener("visibilitychange", () => this.noticeVisibility(), { signal });
    this.tick();
    void this.describe();
    void this.openMap();
    if (!seat.userId) return;
    this.play(resume(sessionId));
    void this.noticeGoneSharer();
    watchSeat(sessionId, () => this.play(this.role), signal);
  }

  dispatch(event: SessionEvent): void {
    if (this.disposal.signal.aborted) return;
    const before = this.state;
    this.state = apply(before, event, this.clock.now());
    this.layout.announce(before, this.state);
    if (this.state.ended) this.finish(this.state.ended);
    else this.draw();
  }

  dispose(): void {
    this.disposal.abort();
    this.cancelTick();
    this.sharing.stop();
    this.channel.close();
    this.map?.dispose();
  }

  share(intent: Intent): void {
    choose(this.options.sessionId, intent);
    this.play(intent);
  }

  get sharesByApp(): boolean {
    return this.role === "app";
  }

  private get role(): Role {
    return readRole(this.options.sessionId);
  }

  /** Nobody shares any more, and the others have not been told. */
  private async noticeGoneSharer(): Promise<void> {
    const isGone = await isSharerGone(this.options.sessionId);
    if (isGone && !this.disposal.signal.aborted) this.share("stopped");
  }

  private play(role: Role): void {
    if (role === "sharing") this.sharing.start();
    else if (role === "app" || role === "elsewhere") this.sharing.handOver(role);
    else if (role === "paused") this.sharing.pause();
    else this.sharing.stop();
  }

  /**
   * Shares from here until the first position comes from an app, taking over from another tab, whose positions
   * would look like the app's; who does not share begins with it.
   */
  expectApp(onArrival: () => void): void {
    this.onAppArrival = onArrival;
    if (this.role === "elsewhere") this.share("sharing");
    else if (!GOES_ON.has(this.sharing.phase)) this.share("app");
  }

  look(camera: Camera): void {
    this.camera = camera;
    this.map?.look(camera);
    this.draw();
  }

  /** Choosing somebody shows more about them and brings them into view; choosing them again closes it. */
  choose(userId: string): void {
    this.chosen = this.chosen === userId ? null : userId;
    if (this.chosen) {
      this.look({ mode: "free" });
      this.map?.centreOn(userId);
    }
    this.draw();
  }

  private receive(event: ChannelEvent): void {
    this.dispatch(event);
    // What this page sends itself does not come back to it.
    if (event.type === "location_update" && event.data.user_id === this.state.me) this.noticeApp();
    if (event.type === "initial_participants") {
      this.tellStatus();
      this.sharing.again();
    }
    if (event.type === "disconnected") void this.checkWhetherOver();
  }

  private noticeApp(): void {
    if (!this.onAppArrival || this.role === "elsewhere") return;
    this.onAppArrival();
    this.onAppArrival = null;
    this.share("app");
  }

  private draw(): void {
    const { state, camera, chosen, clock, sharing } = this;
    const now = clock.now();
    const entries = roster(state, now);
    const phase = state.me === null ? "watching" : sharing.phase;
    this.layout.update({ state, entries, phase, camera, chosen, now });
    this.map?.draw(entries, chosen);
  }

  private tick(): void {
    this.dispatch({ type: "time_passed" });
    this.cancelTick = this.clock.after(TICK_MS, () => this.tick());
  }

  private async openMap(): Promise<void> {
    try {
      const [config, { openMap }] = await Promise.all([mapConfig(), import("./map/map")]);
      const map = await openMap({
        container: this.layout.mapContainer,
        config,
        onMoved: () => this.look({ mode: "free" }),
        onChoose: (userId) => this.choose(userId),
        onTilesMissing: () => this.layout.showTilesMissing(),
      });
      if (this.disposal.signal.aborted) return map.dispose();
      this.map = map;
      this.layout.showMap();
      this.look(this.camera);
    } catch (error) {
      console.warn("The map cannot be drawn.", error);
      this.layout.showMapUnavailable();
    }
  }

  private async describe(): Promise<void> {
    try {
      this.dispatch({ type: "described", ...(await getSession(this.options.sessionId)) });
    } catch (error) {
      if (isGone(error)) this.dispatch({ type: "refused", reason: error.code.toLowerCase() });
    }
  }

  /** A socket does not say why it is refused, so the reason is asked for; now and then is enough. */
  private async checkWhetherOver(): Promise<void> {
    const now = this.clock.now();
    if (now - this.checkedAt < CHECK_PAUSE_MS) return;
    this.checkedAt = now;
    await this.describe();
  }

  private tellFix(fix: Fix): void {
    if (fix.lat !== this.lastFix?.lat || fix.lng !== this.lastFix.lng) {
      const { lat, lng, altitude } = fix;
      this.track.push({ lat, lng, time: new Date(), ...(altitude !== undefined && { altitude }) });
    }
    this.lastFix = fix;
    this.channel.sendLocation(fix);
    this.dispatch({ type: "own_position", fix });
  }

  private tellPhase(phase: SharingPhase): void {
    if (!KEEPS_POSITION.has(phase)) this.dispatch({ type: "own_position", fix: null });
    this.tellStatus();
  }

  private tellStatus(): void {
    if (this.state.me === null) return;
    const status = statusOf(this.role, this.sharing.phase, document.visibilityState === "hidden");
    if (status === null) return;
    this.channel.sendStatus(status);
    this.dispatch({ type: "own_status", status });
  }

  private noticeVisibility(): void {
    this.tellStatus();
    if (document.visibilityState === "visible") this.sharing.refresh();
  }

  private finish(reason: EndReason): void {
    const { sessionId, onEnded } = this.options;
    if (ONLY_MY_END.has(reason)) giveUpPlace(sessionId);
    else forgetSeat(sessionId);
    const { track, state } = this;
    this.dispose();
    onEnded({ reason, sessionName: state.name, track });
  }
}

/** Without an answer the map still has its own ground to stand on. */
function mapConfig(): Promise<Config["map"]> {
  return getConfig().then(
    (config) => config.map,
    () => ({ tiles: null, style_url: null }),
  );
}

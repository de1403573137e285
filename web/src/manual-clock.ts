import type { Clock } from "./clock";

/** For tests: time advances only by `pass` and `sleep`. */
export class ManualClock implements Clock {
  private time = 0;
  private alarms: { at: number; ring: () => void }[] = [];

  now = () => this.time;

  after(ms: number, ring: () => void): () => void {
    const alarm = { at: this.time + ms, ring };
    this.alarms.push(alarm);
    return () => {
      this.alarms = this.alarms.filter((other) => other !== alarm);
    };
  }

  /** Time passes while the device is suspended: no timer fires until afterwards. */
  sleep(ms: number): void {
    this.time += ms;
    for (const alarm of this.alarms) alarm.at = Math.max(alarm.at, this.time);
  }

  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.alarms.sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.alarms.shift();
      this.time = next.at;
      next.ring();
    }
    this.time = end;
  }
}

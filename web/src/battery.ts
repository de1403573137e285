interface BatteryStatus {
  level: number;
}

/** The charge between 0 and 1, where the browser tells it (Chromium does, the others do not). */
export async function watchBattery(): Promise<() => number | undefined> {
  const source = navigator as Navigator & { getBattery?: () => Promise<BatteryStatus> };
  const battery = await source.getBattery?.().catch(() => undefined);
  return () => battery?.level;
}

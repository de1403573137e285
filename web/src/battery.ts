interface BatteryStatus {
  level: number;
}

/** The charge between 0 and 1. Only Chromium reports it. */
export async function watchBattery(): Promise<() => number | undefined> {
  const source = navigator as Navigator & { getBattery?: () => Promise<BatteryStatus> };
  const battery = await source.getBattery?.().catch(() => undefined);
  return () => battery?.level;
}

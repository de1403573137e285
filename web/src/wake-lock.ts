/** Keeps the screen on until released. Browsers release the lock of a hidden page, so it is requested again. */
export function keepAwake(): () => void {
  let lock: WakeLockSentinel | null = null;
  let isReleased = false;

  const request = async () => {
    if (isReleased || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
    } catch {
      // Refused, for instance by a power saver: the screen then goes dark as usual.
    }
    if (isReleased) void lock?.release();
  };
  document.addEventListener("visibilitychange", request);
  void request();
  return () => {
    isReleased = true;
    document.removeEventListener("visibilitychange", request);
    void lock?.release();
  };
}

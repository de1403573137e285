export interface Permission {
  /** Null where the browser does not tell. */
  readonly state: PermissionState | null;
  stop(): void;
}

/** Whether this page may ask for the location, and each change of it, where the browser tells. Asking does not prompt. */
export function watchPermission(onChange: (state: PermissionState) => void): Permission {
  let status: PermissionStatus | null = null;
  let isStopped = false;
  const notice = () => status && onChange(status.state);
  void navigator.permissions?.query({ name: "geolocation" }).then(
    (found) => {
      if (isStopped) return;
      status = found;
      status.addEventListener("change", notice);
    },
    // Some browsers know no such permission.
    () => {},
  );
  return {
    get state() {
      return status?.state ?? null;
    },
    stop() {
      isStopped = true;
      status?.removeEventListener("change", notice);
    },
  };
}

export interface Permission {
  /** Null where the browser does not report it. */
  readonly state: PermissionState | null;
  stop(): void;
}

/** The state of the location permission, and each change of it, where the browser reports it. Shows no prompt. */
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
    // Some browsers do not support this permission name.
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

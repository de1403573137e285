export type Route = { page: "home" } | { page: "join"; sessionId: string } | { page: "unknown" };

const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function routeOf(path: string): Route {
  if (path === "/") return { page: "home" };
  const sessionId = path.match(/^\/join\/([^/]+)\/?$/)?.[1];
  if (sessionId && SESSION_ID.test(sessionId)) return { page: "join", sessionId: sessionId.toLowerCase() };
  return { page: "unknown" };
}

export function joinPath(sessionId: string): string {
  return `/join/${sessionId}`;
}

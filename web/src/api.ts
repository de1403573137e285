import type { components } from "./api-types";

type Schemas = components["schemas"];
export type Config = Schemas["Config"];
export type Session = Schemas["Session"];
export type CreatedSession = Schemas["CreatedSession"];
export type Joined = Schemas["Joined"];
export type Trackers = Schemas["Trackers"];
export type Tracker = Schemas["Setup"];
export type Report = Schemas["Reported"];
export type Watching = Schemas["Watching"];
export type ListedParticipant = Schemas["Participant"];

/** An error response of the server, or `OFFLINE` when no server answered. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly details: Record<string, string[]> = {},
  ) {
    super(code);
  }
}

export const getConfig = () => call<Config>("GET", "/config");

export const createSession = (body: Schemas["NewSession"]) =>
  call<CreatedSession>("POST", "/sessions", { body });

/** The name and the participants of a locked session are only for its members. */
export const getSession = (sessionId: string, token?: string) =>
  call<Session>("GET", `/sessions/${sessionId}`, { token });

export const getParticipants = async (sessionId: string, token?: string) =>
  (await call<Schemas["Participants"]>("GET", `/sessions/${sessionId}/participants`, { token })).participants;

export const joinSession = (sessionId: string, body: Schemas["NewParticipant"]) =>
  call<Joined>("POST", `/sessions/${sessionId}/join`, { body });

export const watchSession = (sessionId: string) => call<Watching>("POST", `/sessions/${sessionId}/watch`);

export const changeSession = (sessionId: string, token: string, body: Schemas["SessionUpdate"]) =>
  call<Session>("PATCH", `/sessions/${sessionId}`, { body, token });

export const endSession = (sessionId: string, token: string) =>
  call<unknown>("DELETE", `/sessions/${sessionId}`, { token });

export const removeWatchers = (sessionId: string, token: string) =>
  call<unknown>("DELETE", `/sessions/${sessionId}/watchers`, { token });

/** With a participant's own token this leaves, with the creator's token it removes a participant. */
export const removeParticipant = (sessionId: string, userId: string, token: string) =>
  call<unknown>("DELETE", `/sessions/${sessionId}/participants/${encodeURIComponent(userId)}`, { token });

/** As `removeParticipant`, while the page unloads: the response is not read. */
export const leaveOnUnload = (sessionId: string, userId: string, token: string): void => {
  const path = `/api/sessions/${sessionId}/participants/${encodeURIComponent(userId)}`;
  const headers = { authorization: `Bearer ${token}` };
  fetch(path, { method: "DELETE", headers, keepalive: true }).catch(() => {});
};

const trackersPath = (sessionId: string, userId: string) =>
  `/sessions/${sessionId}/participants/${encodeURIComponent(userId)}/trackers`;

export const getTrackers = (sessionId: string, userId: string, token: string) =>
  call<Trackers>("GET", trackersPath(sessionId, userId), { token });

/** Revokes the links of all apps that were set up so far. */
export const revokeTrackers = (sessionId: string, userId: string, token: string) =>
  call<unknown>("DELETE", trackersPath(sessionId, userId), { token });

/** Whether the error means that the session has ended or does not exist. */
export function isGone(error: unknown): error is ApiError {
  return (
    error instanceof ApiError &&
    ["SESSION_NOT_FOUND", "SESSION_ENDED", "SESSION_EXPIRED"].includes(error.code)
  );
}

async function call<T>(
  method: string,
  path: string,
  { body, token }: { body?: object; token?: string | undefined } = {},
): Promise<T> {
  const headers: Record<string, string> = {};
  if (body) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  let response: Response;
  try {
    response = await fetch(`/api${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  } catch {
    throw new ApiError("OFFLINE");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(answer.code ?? `HTTP_${response.status}`, answer.details);
  return answer as T;
}

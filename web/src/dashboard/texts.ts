/** English only, like the log and the settings. */
export const texts = {
  loading: "Loading…",
  token: "Admin token",
  open: "Open",
  tokenNeeded: "Enter the admin token (ADMIN_TOKEN).",
  tokenInvalid: "This token is not valid.",
  status: (status: string) => `The server is ${status}.`,
  unexpectedStatus: (status: number) => `The server answered with status ${status}.`,
  noAnswer: "The server does not answer.",

  load: "Load: now and in the last hour",
  peak: (value: string) => `peak: ${value}`,
  health: "Health",

  rooms: "Rooms",
  roomsNote: "The largest rooms. The name of a room is an alias, which gives no access to the session.",
  noRooms: "No rooms.",
  endSession: "End session",
  endRoom: (alias: string) => `End session ${alias}`,
  endQuestion: "End this session?",
  endText: ["Everyone in ", " is disconnected. The session cannot be reopened."],
  cancel: "Cancel",
  sessionEnded: "The session has ended.",
  sessionNotEnded: "The session could not be ended.",

  slowConsumers: "Slow consumers",
  slowConsumersNote:
    "Connections with queued events, with pending positions, or with positions replaced by newer ones before delivery.",
  noSlowConsumers: "No slow consumers.",
  jobs: "Background jobs",
  noJobs: "No jobs.",
  failures: "Recent errors",
  failuresNote: "The log has the details: search it for the request ID.",
  noFailures: "No errors.",
  settings: "Settings in force",
  never: "never",
};

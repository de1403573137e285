import { getSession, isGone } from "./api";
import { forgetMembership, type Membership, memberships, updateMembership } from "./membership";

const DAY_MS = 86_400_000;

/**
 * Deletes memberships of ended sessions, so that tokens do not stay on a shared computer. A session may have been extended,
 * so the page asks the server first.
 */
export async function forgetExpiredMemberships(): Promise<void> {
  const due = memberships().filter(
    ({ membership: { endsAt } }) => endsAt === undefined || endsAt < Date.now(),
  );
  await Promise.all(due.map(({ sessionId, membership }) => refreshOrForget(sessionId, membership)));
}

async function refreshOrForget(
  sessionId: string,
  { endsAt, token, creatorToken }: Membership,
): Promise<void> {
  try {
    const { name, expires_at, server_time } = await getSession(sessionId, creatorToken ?? token);
    updateMembership(sessionId, {
      name,
      endsAt: Date.now() + Date.parse(expires_at) - Date.parse(server_time),
    });
  } catch (error) {
    const isLongOver = endsAt !== undefined && endsAt < Date.now() - DAY_MS;
    if (isGone(error) || isLongOver) forgetMembership(sessionId);
  }
}

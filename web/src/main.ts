import { forgetExpiredMemberships } from "./expired-memberships";
import { t } from "./i18n/texts";
import { loadModule, ModuleLoadError } from "./load-module";
import { type Membership, readMembership } from "./membership";
import { joinPath, routeOf } from "./route";
import type { Page } from "./ui/dom";
import { endedPage, type SessionEnd } from "./ui/ended";
import { homePage } from "./ui/home";
import { joinPage } from "./ui/join";
import { messagePage } from "./ui/message-page";
import { watchForUpdates } from "./ui/update-banner";
import { showTitle } from "./ui/window-title";
import "./style.css";

let page: Page | null = null;

function show(next: Page): void {
  page?.dispose?.();
  page = next;
  showTitle(next.title);
  document.body.replaceChildren(next.element);
  next.element.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
}

function go(path: string): void {
  history.pushState(null, "", path);
  open();
}

const goHome = () => go("/");

function open(): void {
  const route = routeOf(location.pathname);
  if (route.page === "home") show(homePage((sessionId) => go(joinPath(sessionId))));
  else if (route.page === "join") openSession(route.sessionId);
  else
    show(
      messagePage(
        { title: t.notFoundTitle, text: t.notFoundText, action: t.toStart, onAction: goHome },
        goHome,
      ),
    );
}

/** Opens the session for a member, and the join page for anyone else. */
function openSession(sessionId: string): void {
  const membership = readMembership(sessionId);
  if (isMember(membership)) void openLive(sessionId, membership);
  else openJoin(sessionId);
}

function isMember(membership: Membership): membership is Membership & { token: string } {
  return membership.token !== undefined;
}

function openJoin(sessionId: string): void {
  show(
    joinPage({
      sessionId,
      goHome,
      enter: () => openSession(sessionId),
      showEnded: (reason) => showEnded(sessionId, { reason, sessionName: null, track: [] }),
    }),
  );
}

async function openLive(sessionId: string, membership: Membership & { token: string }): Promise<void> {
  const live = await loadModule(() => import("./live")).catch((error) => error as ModuleLoadError);
  if (live instanceof Error) {
    showNotLoaded(live, () => openSession(sessionId));
    return;
  }
  show(
    new live.Live({
      sessionId,
      membership,
      onEnded: (sessionEnd) => showEnded(sessionId, sessionEnd),
      onJoinInstead: () => openJoin(sessionId),
    }),
  );
}

function showNotLoaded(failure: Error, retry: () => void): void {
  const problem = failure instanceof ModuleLoadError ? failure.problem : "unknown";
  const reload = { action: t.reload, onAction: () => location.reload() };
  const messages = {
    network: { title: t.offline, text: t.noServer, action: t.tryAgain, onAction: retry },
    update: { title: t.updateReady, text: t.updateText, ...reload },
    unknown: { title: t.somethingWrong, text: t.partNotLoaded, ...reload },
  };
  show(messagePage(messages[problem], goHome));
  if (problem === "network") retryWhenOnline(retry);
}

/** Retries only if the same page is still shown. */
function retryWhenOnline(retry: () => void): void {
  const waiting = page;
  const again = () => {
    if (page === waiting) retry();
  };
  window.addEventListener("online", again, { once: true });
}

function showEnded(sessionId: string, sessionEnd: SessionEnd): void {
  show(endedPage(sessionEnd, goHome, () => openSession(sessionId)));
}

document.documentElement.lang = t.language;
window.addEventListener("popstate", open);
open();
void forgetExpiredMemberships();
if ("serviceWorker" in navigator && import.meta.env.PROD) {
  watchForUpdates(navigator.serviceWorker);
  void navigator.serviceWorker.register("/sw.js");
}

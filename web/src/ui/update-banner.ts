import { t } from "../i18n/texts";
import { h } from "./dom";

/** Offers the new version of the page. A reload keeps one's place, one's sharing and one's track. */
export function showUpdateBanner(): void {
  if (document.querySelector(".update-banner")) return;
  const reload = h(
    "button",
    { class: "button small", type: "button", click: () => location.reload() },
    t.reload,
  );
  const banner = h("aside", { class: "update-banner", role: "status" }, h("p", {}, t.updateReady), reload);
  document.documentElement.append(banner);
}

/** The service worker has taken over from an older one: this page is of the old version. */
export function watchForUpdates(container: ServiceWorkerContainer): void {
  const hadOne = container.controller !== null;
  container.addEventListener("controllerchange", () => {
    if (hadOne) showUpdateBanner();
  });
}

import { t } from "../i18n/texts";
import { h } from "./dom";

/** Offers the new version of the page. A reload keeps membership, sharing and track. */
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

/** A new service worker has replaced an older one, so this page is outdated. */
export function watchForUpdates(container: ServiceWorkerContainer): void {
  const hadOne = container.controller !== null;
  container.addEventListener("controllerchange", () => {
    if (hadOne) showUpdateBanner();
  });
}

/** `network`: the server does not answer. `update`: the server has another version of the page. `unknown`: neither. */
export type LoadProblem = "network" | "update" | "unknown";

export class ModuleLoadError extends Error {
  constructor(readonly problem: LoadProblem) {
    super(`A script of the page could not be loaded (${problem}).`);
  }
}

const PAUSES_MS = [300, 1_500];

/** Imports a module on demand, with two retries where they may help. */
export async function loadModule<T>(importModule: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      return await importModule();
    } catch {
      if ((await diagnose()) === "update") throw new ModuleLoadError("update");
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return importModule().catch(async () => {
    throw new ModuleLoadError(await diagnose());
  });
}

async function diagnose(): Promise<LoadProblem> {
  const mine = document.querySelector<HTMLScriptElement>('script[type="module"][src]');
  try {
    const answer = await fetch("/", { cache: "no-store" });
    if (!answer.ok) return "network";
    const page = await answer.text();
    return mine && !page.includes(new URL(mine.src).pathname) ? "update" : "unknown";
  } catch {
    return "network";
  }
}

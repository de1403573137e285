/** As much of a browser's XMLHttpRequest as clients before 1.8 need in order to poll. */
export class PolledRequest {
  readyState = 0;
  responseText = "";
  #headers = {};
  #given = new AbortController();

  open(method, url) {
    Object.assign(this, { method, url });
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  abort() {
    this.#given.abort();
  }

  async send(body) {
    const late = this.timeout && setTimeout(() => this.abort() ?? this.ontimeout?.(), this.timeout);
    const { method, url } = this;
    const asked = fetch(url, { method, headers: this.#headers, body, signal: this.#given.signal });
    const text = await asked.then((answer) => answer.text()).catch(() => null);
    clearTimeout(late);
    if (this.#given.signal.aborted) return;
    if (text === null) return this.onerror?.();
    this.responseText = text;
    this.readyState = 4;
    this.onreadystatechange?.();
  }
}

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
    try {
      const { method, url } = this;
      const answer = await fetch(url, { method, headers: this.#headers, body, signal: this.#given.signal });
      this.responseText = await answer.text();
      this.readyState = 4;
      this.onreadystatechange?.();
    } catch {
      if (!this.#given.signal.aborted) this.onerror?.();
    } finally {
      clearTimeout(late);
    }
  }
}

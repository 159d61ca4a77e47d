// Waiting and giving up, without AbortSignal.any, AbortSignal.timeout and throwIfAborted, which
// browsers in use today lack.

const reasonOf = (signal) => signal.reason ?? new DOMException("Aborted", "AbortError");

/** Throw the reason of a signal that is aborted already. */
export function throwIfAborted(signal) {
  if (signal?.aborted) throw reasonOf(signal);
}

/** Call back when the signal is aborted; returns a function that calls it off. */
export function onAbort(signal, act) {
  const stop = () => act(reasonOf(signal));
  signal?.addEventListener("abort", stop, { once: true });
  return () => signal?.removeEventListener("abort", stop);
}

/** A controller that is aborted together with the signal, or by itself. */
export function linkedTo(signal) {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(reasonOf(signal));
  else onAbort(controller.signal, onAbort(signal, (reason) => controller.abort(reason)));
  return controller;
}

/** A signal that is aborted after so many milliseconds. */
export function timeout(ms) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
}

/**
 * Wait; an aborted signal ends the wait with an AbortError. `early` receives a function that ends
 * the wait at once.
 */
export function pause(ms, signal, early = () => {}) {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    const end = (settle, value) => { clearTimeout(timer); callOff(); settle(value); };
    const timer = setTimeout(() => end(resolve), ms);
    const callOff = onAbort(signal, (reason) => end(reject, reason));
    early(() => end(resolve));
  });
}

// What the peer is asked and told.

/** The peer answered that it will not: `sentence` is for a person. */
export class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.sentence = sentence;
    this.status = status;
  }
}

/** The peer was not reached. */
export class Unreached extends Error {}

/** Asks something; parameters that are empty are left out. */
export function ask(question, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== 0 && value !== undefined);
  const query = new URLSearchParams(given).toString();
  return request(`/api/${question}${query === "" ? "" : `?${query}`}`, {});
}

/** Tells it to do something. */
export function tell(deed, body) {
  const headers = { "content-type": "application/json" };
  return request(`/api/${deed}`, { method: "POST", headers, body: JSON.stringify(body) });
}

async function request(address, options) {
  let response;
  try {
    response = await fetch(address, { ...options, cache: "no-store", signal: AbortSignal.timeout(20000) });
  } catch {
    throw new Unreached("your peer was not reached");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error ?? `the peer answered ${response.status}`, response.status);
  return answer;
}

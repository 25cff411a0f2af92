// The one request that a call of the playground makes: the button sends it, the code shown is it.

/** Return [path below /v1, body] of a call. */
export function requestOf(call) {
  const seed = call.seed === undefined ? {} : { seed: call.seed };
  if (call.isStreaming) {
    const { prompt = "", messages, ...others } = call.input;
    const [path, start] = messages ? ["chat/completions", { messages }] : ["completions", { prompt }];
    return [path, { model: call.model, ...start, ...others, ...call.parameters, ...seed, stream: true }];
  }
  const count = call.isPictures ? call.count : 1;
  const inputs = Array.from({ length: count }, () => call.input);
  return ["predictions", { model: call.model, inputs, parameters: call.parameters, ...seed }];
}

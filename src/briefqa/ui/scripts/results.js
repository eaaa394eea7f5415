// Gradio's client ends its stream of results when the server says that nothing is worked on any more. What was asked for
// in that moment would never be answered, and its button stay dead. So where something is open, the stream goes on.
(() => {
  const plain = window.fetch;
  const MILLISECONDS_BETWEEN_LOOKS = 5;
  const open = new Set(); // events that were taken and have not ended
  const ended = new Set(); // events that had ended before it was known here that they were taken
  let asking = 0;

  async function join(...request) {
    asking += 1;
    try {
      const answer = await plain(...request);
      const taken = answer.ok ? (await answer.clone().json()).event_id : undefined;
      if (taken && !ended.delete(taken)) open.add(taken);
      return answer;
    } finally {
      asking -= 1;
    }
  }

  // Hand on what is told, up to the message that ends the stream; returns that one, or "" where there was none.
  async function handOn(told, listener) {
    const reader = told.pipeThrough(new TextDecoderStream()).getReader();
    const encoder = new TextEncoder();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return "";
      const messages = (rest + value).split("\n\n");
      rest = messages.pop();
      for (const message of messages) {
        const { msg, event_id } = JSON.parse(message.replace(/^data:/, ""));
        if (msg === "close_stream") return message;
        if (msg === "process_completed" && !open.delete(event_id)) ended.add(event_id);
        listener.enqueue(encoder.encode(`${message}\n\n`));
      }
    }
  }

  async function follow(...request) {
    let answer = await plain(...request);
    if (!answer.ok) return answer;
    const body = new ReadableStream({
      async start(listener) {
        try {
          for (;;) {
            const last = await handOn(answer.body, listener);
            while (asking) await new Promise((resolve) => setTimeout(resolve, MILLISECONDS_BETWEEN_LOOKS));
            if (last && open.size) answer = await plain(...request);
            if (last && open.size && answer.ok) continue;
            if (last) listener.enqueue(new TextEncoder().encode(`${last}\n\n`));
            listener.close();
            return;
          }
        } catch (error) {
          listener.error(error);
        }
      },
    });
    return new Response(body, { status: answer.status, headers: answer.headers });
  }

  window.fetch = (address, ...more) => {
    const path = new URL(address?.url ?? address, location.href).pathname;
    if (path.endsWith("/queue/join")) return join(address, ...more);
    if (path.endsWith("/cancel")) open.delete(JSON.parse(more[0].body).event_id);
    return path.endsWith("/queue/data") ? follow(address, ...more) : plain(address, ...more);
  };
})();

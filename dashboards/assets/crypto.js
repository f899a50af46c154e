// The live side of the market tab: one socket for the symbol shown, the badge and its age, the candle that runs.
(function () {
  const LONGEST_WAIT_MS = 30000;
  const NO_SUCH_SYMBOL = 4404;
  // a server that said nothing for so long does not answer: it is asked every 10 s, socket or not
  const SILENT_MS = 25000;
  const CARRY_MS = 400;
  const ASK_AGAIN_MS = 3000;
  const TONES = { LIVE: "good", DELAYED: "warn", "NO DATA": "bad" };

  const live = { symbol: null, socket: null, failures: 0, retry: null, told: null, look: null, asked: null, carried: 0 };

  function plot() {
    return document.querySelector("#crypto-plot .js-plotly-plot");
  }

  function isOpen() {
    return document.getElementById("crypto-plot") !== null;
  }

  function set(id, props) {
    if (document.getElementById("crypto-plot")) {
      window.dash_clientside.set_props(id, props);
    }
  }

  // ---- the socket ----
  function leave() {
    clearTimeout(live.retry);
    const socket = live.socket;
    live.socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  function connect() {
    const symbol = live.symbol;
    const scheme = window.location.protocol === "https:" ? "wss://" : "ws://";
    const socket = new WebSocket(scheme + window.location.host + "/ws/crypto/" + encodeURIComponent(symbol));
    live.socket = socket;
    socket.onopen = function () {
      live.failures = 0;
      set("crypto-fallback", { disabled: true });
    };
    socket.onmessage = function (event) {
      if (!isOpen()) {
        leave();
        return;
      }
      hear(JSON.parse(event.data));
    };
    socket.onclose = function (event) {
      live.socket = null;
      if (!isOpen()) {
        return;
      }
      set("crypto-fallback", { disabled: false });
      if (event.code !== NO_SUCH_SYMBOL) {
        live.failures += 1;
        live.retry = setTimeout(connect, Math.min(1000 * 2 ** live.failures, LONGEST_WAIT_MS));
      }
    };
  }

  function hear(message) {
    const before = live.told;
    const closed = message.closed.length ? message.closed[message.closed.length - 1] : null;
    live.told = {
      symbol: message.symbol, state: message.state, reason: message.reason, forming: message.forming,
      features: message.features, closed_age_s: message.closed_age_s, at: Date.now(),
      // later messages carry new candles only
      price: closed ? closed.close : before && before.price,
      minute: closed ? Date.parse(closed.ts) : before && before.minute,
    };
    follow();
    const wait = CARRY_MS - (Date.now() - live.carried);
    clearTimeout(live.drawing);
    live.drawing = setTimeout(carry, Math.max(wait, 0));
    set("crypto-live", { data: live.told.at });
  }

  // ---- the chart ----
  // a minute has closed that the chart does not have: the server is asked for it
  function follow() {
    const found = plot();
    const meta = found && found.layout && found.layout.meta;
    const now = newest();
    if (!meta || !now || meta.symbol !== live.symbol || !now.minute || (meta.minute && now.minute <= meta.minute)) {
      return;
    }
    const asked = live.asked;
    if (!asked || asked.minute !== now.minute || Date.now() - asked.at > ASK_AGAIN_MS) {
      live.asked = { minute: now.minute, at: Date.now() };
      set("crypto-closed", { data: now.minute + "@" + live.asked.at });
    }
  }

  // what has been pushed of the running candle, on top of the minutes of it that have closed
  function carry() {
    const found = plot();
    const meta = found && found.layout && found.layout.meta;
    const told = current();
    const forming = told && told.forming;
    if (!meta || !forming || meta.symbol !== live.symbol || !found.data) {
      return;
    }
    const start = Math.floor(Date.parse(forming.ts) / meta.length) * meta.length;
    const place = found.data.findIndex(function (trace) { return trace.name === "running"; });
    if (place < 0 || (meta.last !== null && start <= meta.last)) {
      return;
    }
    const begun = meta.running && meta.running.ts === start ? meta.running : null;
    live.carried = Date.now();
    window.Plotly.restyle(found, {
      x: [[new Date(start).toISOString()]],
      open: [[begun ? begun.open : forming.open]],
      high: [[Math.max(forming.high, begun ? begun.high : forming.high)]],
      low: [[Math.min(forming.low, begun ? begun.low : forming.low)]],
      close: [[forming.close]],
    }, [place]);
  }

  // ---- the cards ----
  // what was said last of the symbol shown: by the socket, or by the server when asked
  function current() {
    const known = [live.told, live.look].filter(function (each) { return each && each.symbol === live.symbol; });
    if (live.socket && live.socket.readyState === WebSocket.OPEN && known.includes(live.told)) {
      return live.told;
    }
    return known.sort(function (one, other) { return other.at - one.at; })[0] || null;
  }

  // whichever knows the newer closed minute
  function newest() {
    const known = [live.told, live.look].filter(function (each) {
      return each && each.symbol === live.symbol && each.minute;
    });
    return known.sort(function (one, other) { return other.minute - one.minute; })[0] || null;
  }

  function age(seconds) {
    const units = [["d", 86400], ["h", 3600], ["min", 60]];
    for (const [name, length] of units) {
      if (seconds >= 2 * length) {
        return Math.floor(seconds / length) + " " + name;
      }
    }
    return Math.max(Math.floor(seconds), 0) + " s";
  }

  function price(value) {
    const digits = Math.abs(value) >= 1000 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 }
      : { maximumSignificantDigits: 6 };
    return value.toLocaleString("en-US", digits);
  }

  // overlays of the candle that runs: they may still change
  function soFar(features) {
    const values = features && features.values;
    const said = [];
    if (values && values.st_dir) {
      said.push("supertrend " + (values.st_dir > 0 ? "up" : "down"));
    }
    if (values && values.ofi_20 !== null && values.ofi_20 !== undefined) {
      said.push("order flow " + (values.ofi_20 < 0 ? "" : "+") + values.ofi_20.toFixed(3));
    }
    return said.length ? "; " + features.timeframe + " so far: " + said.join(", ") : "";
  }

  function judged(told, closed, silent) {
    if (!closed) {
      return "NO DATA";
    }
    return silent || told.state !== "LIVE" ? "DELAYED" : "LIVE";
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    crypto: {
      watch: function (symbol) {
        if (symbol !== live.symbol || live.socket === null) {
          leave();
          Object.assign(live, { symbol: symbol, told: null, look: null, asked: null, failures: 0 });
          if (symbol) {
            connect();
          }
        }
        return symbol;
      },

      // a new drawing has the closed minutes only
      carry: function (_figure) {
        setTimeout(function () { carry(); follow(); }, 60);
        return window.dash_clientside.no_update;
      },

      show: function (_seconds, _told, look) {
        if (look && look !== live.seen) {
          live.seen = look;
          live.look = Object.assign({ at: Date.now() }, look);
          follow();
          carry();
        }
        const told = current();
        if (!told) {
          return Array(6).fill(window.dash_clientside.no_update);
        }
        const closed = newest();
        const heard = Math.max(live.told ? live.told.at : 0, live.look ? live.look.at : 0);
        const silent = Date.now() - heard > SILENT_MS;
        const state = judged(told, closed, silent);
        const tone = "pill live-badge tone-" + TONES[state];
        const reason = silent ? "the server does not answer" : told.reason || "";
        if (!closed) {
          return [state, tone, reason || "no candle is stored", reason, "no data", "\u00a0"];
        }
        const old = age(closed.closed_age_s + (Date.now() - closed.at) / 1000);
        const running = state === "LIVE" && told.forming;
        const last = running ? told.forming.close : closed.price;
        return [state, tone, "last closed minute " + old + " ago" + (reason ? ": " + reason : ""), reason,
          price(last), running ? "minute still running" + soFar(told.features) : "close of the newest minute"];
      },
    },
  });
})();

// A training that Python has recorded, played back: what stands for the engine, and pictures from its snapshots.

function replayer(task, post) {
  const last = task.history.length, rows = task.history;
  let epoch = 0, sent = 0, playing = false, speed = 1, timer = 0;

  function frame() {
    const status = epoch === last ? "replayed" : "going";
    const {rate} = rows[Math.max(0, epoch - 1)] ?? {rate: 0};
    post({playing, runs: [{epoch, status, rate, rows: rows.slice(sent, epoch), snapshots: [], left: 0}]});
    sent = Math.max(sent, epoch);
  }

  function play() {
    if (!playing) return;
    epoch = Math.min(last, epoch + (speed === Infinity ? last : 1));
    playing = epoch < last;
    frame();
    if (playing) timer = setTimeout(play, 1000 / speed);
  }

  const commands = {
    start: () => ([epoch, sent, playing] = [0, 0, false]),
    play(told) {
      [playing, speed] = [true, told.speed];
      clearTimeout(timer);
      timer = setTimeout(play, 0);
    },
    pause: () => (playing = false),
    epoch: () => (epoch = Math.min(last, epoch + 1)),
  };
  return (command) => {
    commands[command.do]?.(command);
    frame();
  };
}

class Recorded extends Learnt {
  // The snapshot of the epoch, or of the last one before it that was kept.
  at(epoch) {
    const {snapshots} = this.task.replay;
    return snapshots.findLast((kept) => kept.epoch <= epoch) ?? snapshots[0]; // of a run that went on there are none
  }

  draw([snapshot], _, activation, colour) {
    snapshot.numbers ??= Int8Array.from(atob(snapshot.bytes), (c) => c.charCodeAt(0));
    let start = 0, place = 0;
    const next = (shape) => {
      const largest = snapshot.largest[place++], size = sizeOf(shape);
      const found = Float64Array.from(snapshot.numbers.subarray(start, start + size), (x) => (x * largest) / 127);
      start += size;
      return found;
    };
    this.task.parameters.forEach(({shape}, i) => this.weights[i].paint(next(shape), colour));
    if (this.view) {
      const layers = this.task.shown.map(({shape}) => [sizeOf(shape), next([this.places.count, ...shape])]);
      const found = Array.from({length: this.places.count}, (_, i) =>
        layers.flatMap(([size, numbers]) => Array.from(numbers.subarray(i * size, (i + 1) * size))));
      this.view.draw([found.flat()], 0, null, activation, colour);
      return;
    }
    const {rows} = this, i = Math.min(this.example, rows.count - 1), row = rows.columns.map((column) => column[i]);
    const each = Array.from({length: rows.count}, () => this.task.shown.flatMap(({shape}) => Array.from(next(shape))));
    const found = each[i];
    this.paintRow(row.slice(0, rows.inputs), found, colour);
    this.told.textContent = `Row ${i + 1} of ${rows.count}: ${this.said(found, row.slice(rows.inputs))}`;
  }
}

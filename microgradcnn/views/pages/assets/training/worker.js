// The engine of a page: it runs trainings in slices of time, in a worker or where there is none on the page itself.

// Gives a function that receives commands; frames, what has happened since the last one, go to `post`.
function engine(post, slice) {
  let runs = [], sent = [], task = null, playing = false, speed = Infinity, since = 0, done = 0, timer = 0;

  function frame() {
    post({playing, runs: runs.map((run, i) => {
      const rows = run.history.slice(sent[i].rows);
      const snapshots = run.snapshots.list.filter(({epoch}) => epoch > sent[i].epoch);
      sent[i] = {rows: run.history.length, epoch: snapshots.at(-1)?.epoch ?? sent[i].epoch};
      const {epoch, status, rate, parameters, pending} = run;
      return {epoch, status, rate, rows, snapshots, parameters: Float64Array.from(parameters), left: pending.length};
    })});
  }

  const going = () => runs.some((run) => run.status === "going");

  function play() {
    if (!playing) return;
    const end = performance.now() + slice;
    const due = () => done < ((performance.now() - since) * speed) / 1000;
    while (due() && going() && performance.now() < end) {
      runs.forEach((run) => run.oneEpoch());
      done++;
    }
    playing &&= going();
    frame();
    if (playing) timer = setTimeout(play, speed === Infinity ? 0 : Math.min(1000 / speed, 40));
  }

  const commands = {
    start(told) {
      [task, playing] = [told.task ?? task, false];
      runs = told.chosen.map((chosen) => new Run(task, chosen));
      sent = runs.map(() => ({rows: 0, epoch: -1}));
    },
    change({chosen}) { // of what can change while a training goes on
      runs.forEach((run, i) => {
        run.chosen = {...run.chosen, ...chosen[i]};
        if (run.status === "done" && run.epoch < run.chosen.epochs) run.status = "going";
      });
    },
    play(told) {
      [playing, speed, since, done] = [true, told.speed, performance.now(), 0];
      clearTimeout(timer);
      timer = setTimeout(play, 0);
    },
    pause: () => (playing = false),
    epoch: () => runs.forEach((run) => run.oneEpoch()),
    step: () => runs.forEach((run) => run.step()),
  };

  return (command) => {
    commands[command.do](command);
    frame();
  };
}

if (typeof document === "undefined") {
  const receive = engine((message) => postMessage(message), 40);
  onmessage = ({data}) => receive(data);
}

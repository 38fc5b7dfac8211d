// Runs the modules of crates/door/wasm and prints how long judging and bare verification take, in seconds of CPU time.
// node -e THIS -- FOLDER ROUNDS
const [folder, rounds] = process.argv.slice(1);
const load = (name) => {
  const module = new WebAssembly.Module(require("fs").readFileSync(`${folder}/${name}.wasm`));
  if (WebAssembly.Module.imports(module).length > 0) throw new Error(`${name} asks its host for something`);
  return module;
};
const modules = Object.fromEntries(["setup", "verdicts", "signatures"].map((name) => [name, load(name)]));
const seconds = (name) => {
  const instance = new WebAssembly.Instance(modules[name], {});
  const begun = process.cpuUsage();
  if (instance.exports.main(0, 0) !== 0) throw new Error(`${name}: a good code was refused`);
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1e6;
};
const times = { setup: [], verdicts: [], signatures: [] };
// The first round is not counted: the engine compiles what is used often.
for (let round = 0; round <= Number(rounds); round++) {
  for (const name of Object.keys(times)) {
    const taken = seconds(name);
    if (round > 0) times[name].push(taken);
  }
}
const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
const setup = median(times.setup);
console.log(JSON.stringify({
  verdicts: median(times.verdicts) - setup,
  signatures: median(times.signatures) - setup,
}));

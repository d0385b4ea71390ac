// Tells, as JSON, what the texts for JavaScript give under the node that runs this:
// `expressions` and `programs`, each text with its outcome as lines.
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');
const { Writable } = require('stream');

const folder = process.argv[2];
const read = name => fs.readFileSync(path.join(folder, name), 'utf8');

function valueOf(text) {
  try {
    const shown = JSON.stringify((0, eval)(text));
    return (shown === undefined ? 'undefined' : shown).split('\n');
  } catch (error) {
    return ['!' + error.name];
  }
}

async function outputOf(text) {
  let printed = '';
  const stdout = new Writable({ write(chunk, encoding, done) { printed += chunk; done() } });
  const context = vm.createContext({ console: new console.Console({ stdout, stderr: stdout }) });
  const failed = [];
  try {
    vm.runInContext(text, context);
    // Behind this stand all promises that the text left to be settled.
    await new Promise(resolve => setTimeout(resolve, 0));
  } catch (error) {
    failed.push('!' + error.name);
  }
  const lines = printed.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return [...lines, ...failed];
}

(async () => {
  const expressions = read('javascript-expressions.txt').split('\n').filter(text => text);
  const programs = read('javascript-programs.txt').replace(/\n$/, '').split('\n%%\n');
  const outcomes = { expressions: expressions.map(text => [text, valueOf(text)]), programs: [] };
  for (const text of programs) outcomes.programs.push([text, await outputOf(text)]);
  process.stdout.write(JSON.stringify(outcomes));
})();

import { runInNewContext } from 'node:vm';
import { migrationFile } from './migration-file';

const timestamp = 1795276800000;
const nothing = { up: [], down: [] };

/** The texts of the constants `up` and `down` as JavaScript reads them. */
function sqlOf(text: string): { up: string; down: string } {
  const constants = text.slice(text.indexOf('const up ='));
  return { ...(runInNewContext(`${constants}; ({ up, down })`) as { up: string; down: string }) };
}

describe('migrationFile', () => {
  it.each([
    ['AddNotes', 'add-notes', 'AddNotes'],
    ['add-notes', 'add-notes', 'AddNotes'],
    ['Add notes', 'add-notes', 'AddNotes'],
    ['add_notes', 'add-notes', 'AddNotes'],
    ['addHTTPLog', 'add-http-log', 'AddHttpLog'],
    ['Add2Notes', 'add2-notes', 'Add2Notes'],
    ['a', 'a', 'A'],
    ["a'; process.exit() //", 'a-process-exit', 'AProcessExit'],
    ['a/../../b', 'a-b', 'AB'],
  ])('names the file and the class after %j', (name, fileName, className) => {
    const file = migrationFile(name, timestamp, nothing);
    expect(file.fileName).toBe(`${timestamp}-${fileName}.ts`);
    expect(file.text).toContain(`\nexport class ${className}${timestamp} implements MigrationInterface {\n`);
  });

  it.each(['', ' ', '-', '2', '2Notes', '--check', '../notes', 'Änderung', '`${name}`'])(
    'refuses the name %j',
    (name) => {
      expect(() => migrationFile(name, timestamp, nothing)).toThrow('A migration needs a name');
    },
  );

  it('contains the statements in their order, each ended by a semicolon', () => {
    const { text } = migrationFile('x', timestamp, {
      up: ['CREATE TABLE a ()', 'SELECT 1'],
      down: ['DROP TABLE a'],
    });
    expect(sqlOf(text)).toEqual({
      up: '\nCREATE TABLE a ();\n\nSELECT 1;\n',
      down: '\nDROP TABLE a;\n',
    });
  });

  it.each(['`', '${process.exit(1)}', '\\', '\\n', '\\`', '\\${x}', '$1', '$$', '$`', "'", '\u2028', '🪨'])(
    'contains %j literally',
    (special) => {
      const statement = `SELECT E'${special}'`;
      const { text } = migrationFile('x', timestamp, { up: [statement], down: [special] });
      expect(sqlOf(text)).toEqual({ up: `\n${statement};\n`, down: `\n${special};\n` });
    },
  );
});

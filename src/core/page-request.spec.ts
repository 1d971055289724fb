import { parseSort } from './page-request';

describe('parseSort', () => {
  it.each([
    ['due_date', [{ column: 'due_date', descending: false }]],
    ['-due_date', [{ column: 'due_date', descending: true }]],
    [
      'due_date,-priority,title',
      [
        { column: 'due_date', descending: false },
        { column: 'priority', descending: true },
        { column: 'title', descending: false },
      ],
    ],
  ])('reads %s', (text, expected) => {
    expect(parseSort(text)).toEqual(expected);
  });

  // They are not repaired, so that validation refuses them: none is the name of a column.
  it.each([
    ['', ['']],
    [',', ['', '']],
    ['-', ['']],
    ['--title', ['-title']],
    ['+title', ['+title']],
    ['title, status', ['title', ' status']],
    ['TITLE', ['TITLE']],
    ['title DESC', ['title DESC']],
    ['title;DROP TABLE tasks', ['title;DROP TABLE tasks']],
    ['__proto__,constructor.prototype', ['__proto__', 'constructor.prototype']],
    ['(SELECT password_hash FROM users)', ['(SELECT password_hash FROM users)']],
  ])('keeps the columns of %j as they are', (text, columns) => {
    expect(parseSort(text).map(({ column }) => column)).toEqual(columns);
  });
});

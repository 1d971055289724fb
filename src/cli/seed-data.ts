import { v7 as uuidv7 } from 'uuid';
import { demoId } from '../core/demo-data';

/** The users of the demo data. The first is a superuser, and has the rows that the OpenAPI document names. */
export const users = [
  { id: uuidv7(), email: 'demo@example.com', username: 'demo', full_name: 'Demo', timezone: 'Europe/Berlin' },
  {
    id: demoId('users', 1),
    email: 'maker@example.com',
    username: 'maker',
    full_name: 'Maker',
    timezone: 'America/New_York',
  },
  {
    id: demoId('users', 2),
    email: 'student@example.com',
    username: 'student',
    full_name: 'Student',
    timezone: 'Asia/Kolkata',
  },
];

/** An account that its user has closed, to try reopening it. It has no data. */
export const closedUser = { id: uuidv7(), email: 'closed@example.com', timezone: 'UTC' };

interface Area {
  category: string;
  project: string;
  goal: string;
  success: string;
  metrics: Record<string, number>;
  parts: { goal: string; tasks: string[] }[];
}

export const areas: Area[] = [
  {
    category: 'writing',
    project: 'Mountain book',
    goal: 'Publish the mountain guide',
    success: 'The book is in three shops and has ten readers who wrote back.',
    metrics: { chapters: 12, chapters_done: 5 },
    parts: [
      {
        goal: 'Finish the manuscript',
        tasks: [
          'Outline the remaining chapters',
          'Write the chapter on weather',
          'Write the chapter on huts',
          'Draw the map of the northern ridge',
          'Check every height against the survey',
          'Collect permissions for the photographs',
          'Read the whole text aloud once',
          'Rewrite the introduction',
          'Compile the index',
          'Send the manuscript to two readers',
          'Work in what the readers found',
          'Fix the style of place names',
        ],
      },
      {
        goal: 'Find a publisher',
        tasks: [
          'List twenty publishers of outdoor books',
          'Write a one-page proposal',
          'Ask two authors about their contracts',
          'Send the first five proposals',
          'Prepare a sample chapter',
          'Compare royalties',
          'Follow up after three weeks',
          'Book a table at the spring fair',
          'Set up a page with excerpts',
          'Answer the first replies',
          'Plan the launch evening',
        ],
      },
      {
        goal: 'Reach readers',
        tasks: [
          'Start a monthly letter',
          'Write the first three letters',
          'Ask the alpine club for a talk',
          'Prepare slides for the talk',
          'Record a short reading',
          'Print postcards with the cover',
          'Visit three bookshops',
          'Offer a guided walk to readers',
        ],
      },
    ],
  },
  {
    category: 'work',
    project: 'Billing service',
    goal: 'Move billing to the new service',
    success: 'All customers are billed by the new service for two months without a correction.',
    metrics: { customers_moved: 40, customers: 250 },
    parts: [
      {
        goal: 'Build the import',
        tasks: [
          'Describe the old tables',
          'Write the mapping of tax codes',
          'Import one customer by hand',
          'Compare invoices of both systems',
          'Handle customers with two addresses',
          'Measure the import of all customers',
          'Write the rollback',
          'Review the import with accounting',
          'Add a dry run',
          'Document what is not imported',
          'Fix rounding of half cents',
        ],
      },
      {
        goal: 'Run both systems side by side',
        tasks: [
          'Switch ten friendly customers',
          'Set up a daily comparison',
          'Explain differences above one cent',
          'Alert on missing invoices',
          'Train the support team',
          'Write the answers to ten likely questions',
          'Load test the month end',
          'Rehearse a failed month end',
          'Agree on the date of the switch',
          'Tell customers about the new layout',
        ],
      },
      {
        goal: 'Switch the old system off',
        tasks: [
          'Archive invoices for ten years',
          'Revoke the old credentials',
          'Cancel the old licence',
          'Remove the old nightly jobs',
          'Update the emergency handbook',
          'Celebrate with the team',
        ],
      },
    ],
  },
  {
    category: 'health',
    project: 'Half marathon',
    goal: 'Run a half marathon in under two hours',
    success: 'A finish in 1:59:59 or less, without pain the day after.',
    metrics: { weekly_km: 28, target_minutes: 119 },
    parts: [
      {
        goal: 'Build endurance',
        tasks: [
          'Buy shoes that fit',
          'Run 5 km three times a week',
          'Run 10 km without a break',
          'Find a flat 15 km course',
          'Sleep eight hours for two weeks',
          'See a physiotherapist about the knee',
          'Stretch after each run',
          'Run with the Tuesday group',
          'Keep a log of resting heart rate',
        ],
      },
      {
        goal: 'Get faster',
        tasks: [
          'Do six interval sessions',
          'Run a 10 km race',
          'Practise the pace of 5:40',
          'Try two kinds of gels',
          'Plan the week before the race',
          'Register for the race',
          'Book the train and a room',
          'Run 18 km at an easy pace',
        ],
      },
    ],
  },
  {
    category: 'home',
    project: 'Kitchen',
    goal: 'Renovate the kitchen',
    success: 'Cooking for eight people works, and the old pipes are gone.',
    metrics: { budget: 9000, spent: 2350 },
    parts: [
      {
        goal: 'Plan and order',
        tasks: [
          'Measure the room',
          'Draw two layouts',
          'Get three offers for the pipes',
          'Choose tiles',
          'Choose a stove',
          'Order the cupboards',
          'Ask the neighbours about noise',
          'Find a place for the fridge meanwhile',
        ],
      },
      {
        goal: 'Build',
        tasks: [
          'Empty the kitchen',
          'Take out the old cupboards',
          'Replace the pipes',
          'Have the wiring checked',
          'Lay the tiles',
          'Paint the ceiling',
          'Mount the cupboards',
          'Connect the stove',
          'Return the borrowed tools',
        ],
      },
    ],
  },
  {
    category: 'learning',
    project: 'Italian',
    goal: 'Hold a conversation in Italian',
    success: 'Half an hour with a stranger, without a dictionary.',
    metrics: { words: 1200, target_words: 2500 },
    parts: [
      {
        goal: 'Learn the basics',
        tasks: [
          'Finish the first textbook',
          'Learn twenty words a day for a month',
          'Conjugate the fifty most frequent verbs',
          'Listen to the news on Sundays',
          'Label things at home',
          'Write a diary of ten sentences a week',
          'Translate a recipe',
        ],
      },
      {
        goal: 'Speak',
        tasks: [
          'Find a partner for conversation',
          'Meet the partner every week',
          'Order a meal in Italian',
          'Watch a film without subtitles',
          'Read a children’s book aloud',
          'Plan a week in Bologna',
          'Phone a hotel to book a room',
        ],
      },
    ],
  },
];

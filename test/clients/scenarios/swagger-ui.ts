import { chromium, type Locator, type Page } from 'playwright-core';

/*
 * Presses every operation in Swagger UI with its example, signed in to the demo account, in the order of the page. The
 * operations that end sessions or the account come last, because examples name a session and a token that they revoke.
 */
const [, , serverUrl = '', executablePath = ''] = process.argv;

const last = [
  'logout',
  'changePassword',
  'revokeOtherSessions',
  'deactivateCurrentUser',
  'deleteCurrentUser',
];

/** Signs in to the demo account, as "Authorize" does. @returns the refresh token, which cannot have an example */
async function authorize(page: Page): Promise<string> {
  const response = await fetch(`${serverUrl}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'demo', password: 'a cairn of many stones' }),
  });
  const { access_token, refresh_token }: Record<string, string> = await response.json();
  await page.evaluate(`ui.preauthorizeApiKey('bearer', '${access_token}')`);
  return String(refresh_token);
}

/** Clicks without waiting for animations. */
async function click(locator: Locator): Promise<void> {
  await locator.evaluate((element: HTMLElement) => element.click());
}

/** @returns undefined if the operation succeeds, otherwise its response */
async function press(page: Page, operation: Locator, refreshToken: string): Promise<string | undefined> {
  await click(operation.locator('.opblock-summary-control'));
  await click(operation.locator('.try-out__btn'));
  if ((await operation.getAttribute('id'))?.endsWith('-refreshTokens')) {
    await operation.locator('textarea').fill(JSON.stringify({ refresh_token: refreshToken }));
  }
  const [response] = await Promise.all([
    page.waitForResponse((one) => one.url().startsWith(serverUrl)),
    click(operation.locator('button.execute')),
  ]);
  await click(operation.locator('.opblock-summary-control'));
  return response.ok() ? undefined : `${response.url()} ${response.status()} ${await response.text()}`;
}

async function main(): Promise<void> {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(300_000);
    await page.goto(`${serverUrl}/docs`);
    const groups = page.locator('.opblock-tag-section');
    await groups.first().waitFor();
    const descriptions = await page.locator('.opblock-tag small').allTextContents();
    const isCollapsed = (await page.locator('.opblock').count()) === 0;
    const ids: string[][] = [];
    for (let index = 0; index < (await groups.count()); index++) {
      const group = groups.nth(index);
      await click(group.locator('.opblock-tag'));
      await group.locator('.opblock').first().waitFor({ state: 'attached' });
      ids.push(await group.locator('.opblock').evaluateAll((all) => all.map(({ id }) => id)));
      await click(group.locator('.opblock-tag'));
    }
    const failures: string[] = [];
    let pressed = 0;
    const all = ids.flatMap((idsOfGroup, index) =>
      idsOfGroup.map((id) => ({ id, group: groups.nth(index) })),
    );
    const rank = ({ id }: { id: string }) => last.findIndex((name) => id.endsWith(`-${name}`));
    const ordered = all.sort((a, b) => rank(a) - rank(b));
    let refreshToken = await authorize(page);
    for (const operation of ordered) {
      const { id, group } = operation;
      if (rank(operation) >= 0) refreshToken = await authorize(page);
      const locator = group.locator(`[id="${id}"]`);
      if ((await locator.count()) === 0) {
        for (const open of await page.locator('.opblock-tag-section.is-open').all())
          await click(open.locator('.opblock-tag'));
        await click(group.locator('.opblock-tag'));
      }
      const failure = await press(page, locator, refreshToken);
      if (failure) failures.push(failure);
      pressed++;
    }
    console.log(
      JSON.stringify({
        groups: ids.length,
        descriptions: descriptions.length,
        isCollapsed,
        pressed,
        failures,
      }),
    );
  } finally {
    await browser.close();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

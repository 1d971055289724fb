import { startApp, TestApp } from '../setup/app';
import { fillPath, routesOf } from '../setup/catalogue';
import { newUser, TestUser } from '../setup/factories';

/** The routes that users may call before they have verified their email address, or that are public. */
const allowed = [
  /^\/health(\/|$)/,
  /^\/api\/v1\/auth\//,
  /^\/api\/v1\/users$/,
  /^\/api\/v1\/users\/me(\/|$)/,
  /^\/api\/v1\/users\/\{user_id\}(\/sessions)?$/,
];

const missingId = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';

describe('with REQUIRE_EMAIL_VERIFICATION', () => {
  let app: TestApp;
  let user: TestUser;
  beforeAll(async () => {
    app = await startApp({ REQUIRE_EMAIL_VERIFICATION: 'true' });
    user = await newUser(app);
  });
  afterAll(() => app.close());

  it('every route except those for the account refuses users with an unverified address', async () => {
    const restricted = routesOf(app).filter(({ path }) => !allowed.some((prefix) => prefix.test(path)));
    expect(restricted.length).toBeGreaterThanOrEqual(40);
    const open: string[] = [];
    for (const { method, path, isPublic, example, body } of restricted) {
      const { status, text } = await user.api.call(
        method,
        fillPath(path, user.id, () => missingId),
        example ?? body,
      );
      const { code } = (text.startsWith('{') ? JSON.parse(text) : {}) as { code?: string };
      if (isPublic || status !== 403 || code !== 'email_not_verified')
        open.push(`${method.toUpperCase()} ${path} returned ${status} ${code ?? ''}`);
    }
    expect(open).toEqual([]);
  });
});

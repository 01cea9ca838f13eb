/** What the front door says. */

export const front = {
  title: "ChatServer",
  tagline: "Your own chat backend, running on this machine.",
  signIn: "Sign in",
  register: "Create an account",
  username: "Username",
  usernameOrEmail: "Username or email",
  email: "Email",
  password: "Password",
  passwordHint: "At least 8 characters",
  noAccount: "No account yet?",
  haveAccount: "Already have an account?",
  signedOut: "Your session has ended. Sign in again; what you have not sent yet is kept.",
  demo: "Try it",
  demoHint: "Two users are there already. Open both side by side and let them talk.",
  demoAs: (name: string) => `Sign in as ${name}`,
  demoBoth: "Both side by side",
  backFromDemo: "Leave the demo",
  api: "API reference",
  unreachable: "The server does not answer. Is it running?",
};

#include "tools/commands/interrupt.h"

#include <csignal>

namespace mode::tools {

namespace {

volatile std::sig_atomic_t signalled = 0;
int guards = 0;
struct sigaction before_int, before_term;

void notice(int) { signalled = 1; }

}  // namespace

InterruptGuard::InterruptGuard() {
  if (guards++ > 0) return;
  signalled = 0;
  struct sigaction action {};
  action.sa_handler = notice;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_int);
  sigaction(SIGTERM, &action, &before_term);
}

InterruptGuard::~InterruptGuard() {
  if (--guards > 0) return;
  sigaction(SIGINT, &before_int, nullptr);
  sigaction(SIGTERM, &before_term, nullptr);
}

bool InterruptGuard::interrupted() const { return signalled != 0; }

}  // namespace mode::tools

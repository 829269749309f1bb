#include "tensor/emulator/watchdog.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tensor/emulator/block.h"
#include "tensor/emulator/emulator.h"
#include "tensor/emulator/fiber.h"

namespace tensor::emulator {
namespace {

constinit std::atomic<bool> running = false;
constinit std::atomic<clockid_t> clock_of_kernel = 0;
constinit std::atomic<double> started = 0;

double seconds_of(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void watch() {
  for (;;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!running || seconds_of(clock_of_kernel) - started < settings().timeout_seconds) continue;
    fmt::print(stderr, "emulator: a kernel does not end; after {:.1f} s it is in {}\n", settings().timeout_seconds, position());
    std::fflush(stderr);
    std::abort();
  }
}

#ifndef EMULATOR_ASAN
/// AddressSanitizer reports stack overflows itself.
void on_segmentation_fault(int, siginfo_t* info, void*) {
  if (running && is_below_a_stack(info->si_addr)) {
    const std::string text = fmt::format("emulator: stack overflow in {}\n", position());
    (void)!write(STDERR_FILENO, text.data(), text.size());
  }
  signal(SIGSEGV, SIG_DFL);  // the faulting instruction runs again, and now ends the program
}

void report_stack_overflows() {
  static char stack[64 << 10];
  const stack_t own = {stack, 0, sizeof(stack)};
  stack_t before = {};
  if (sigaltstack(nullptr, &before) == 0 && (before.ss_flags & SS_DISABLE) != 0) sigaltstack(&own, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = on_segmentation_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
}
#endif

}  // namespace

Watchdog::Watchdog() {
  static const bool started_once = [] {
    std::thread(watch).detach();
#ifndef EMULATOR_ASAN
    report_stack_overflows();
#endif
    return true;
  }();
  (void)started_once;
  clockid_t clock = 0;
  pthread_getcpuclockid(pthread_self(), &clock);
  clock_of_kernel = clock;
  started = seconds_of(clock);
  running = true;
}

Watchdog::~Watchdog() { running = false; }

}  // namespace tensor::emulator

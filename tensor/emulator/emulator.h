#pragma once
// The emulated device's settings, for tests. An environment variable sets the initial value of each.
// It is short because tests include it without the rest of the emulator.

#include <cstddef>
#include <cstdint>

namespace tensor::emulator {

enum class Landing { early, late };  ///< a cp.async lands at its issue, or at the wait for it

struct Settings {
  uint64_t seed = 1;                ///< MODE_EMULATOR_SEED: order of threads and blocks, with the number of the launch
  Landing landing = Landing::late;  ///< MODE_EMULATOR_LANDING=early|late
  bool lazy_streams = false;        ///< MODE_EMULATOR_STREAMS=lazy: a stream runs only when something waits for it
  double timeout_seconds = 60;      ///< MODE_EMULATOR_TIMEOUT: CPU time after which the watchdog names a kernel's block and aborts
  // The device and its driver.
  bool has_driver = true;
  int devices = 1;
  int compute_major = 9, compute_minor = 0;
  size_t memory_bytes = size_t{4} << 30;
};
Settings& settings();

/// True in the build that looks for races (MODE_RACES).
bool finds_races();

}  // namespace tensor::emulator

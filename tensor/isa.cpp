#include "tensor/isa.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "tensor/check.h"

namespace tensor {
namespace {

Isa detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return Isa::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::portable;
}

Isa choose() {
  const Isa best = detect();
  const char* wanted = std::getenv("MODE_ISA");
  if (wanted == nullptr || *wanted == '\0') return best;
  for (const Isa candidate : {Isa::portable, Isa::avx2, Isa::avx512})
    if (name(candidate) == wanted) return std::min(candidate, best);
  throw Error(fmt::format("MODE_ISA={} is unknown; use portable, avx2 or avx512", wanted));
}

Isa& current() {
  static Isa chosen = choose();
  return chosen;
}

}  // namespace

std::string_view name(Isa isa) { return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "portable"; }

Isa isa() { return current(); }

std::vector<Isa> available_isas() {
  std::vector<Isa> all;
  for (const Isa candidate : {Isa::portable, Isa::avx2, Isa::avx512})
    if (candidate <= detect()) all.push_back(candidate);
  return all;
}

void set_isa(Isa isa) {
  CHECK(isa <= detect(), "this machine has no {}", name(isa));
  current() = isa;
}

}  // namespace tensor

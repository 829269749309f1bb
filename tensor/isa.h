#pragma once
// Which instruction set the fast CPU kernels use, and how one kernel source is compiled for each.

#include <string_view>
#include <vector>

namespace tensor {

enum class Isa { portable, avx2, avx512 };

std::string_view name(Isa isa);
/// The best set this machine has, lowered (never raised) by the environment variable MODE_ISA=portable|avx2|avx512.
/// Another value of MODE_ISA is an error.
Isa isa();
/// Everything this machine can run, portable first.
std::vector<Isa> available_isas();
/// For tests and gradient checks: use `isa` from here on; it must be available.
void set_isa(Isa isa);

}  // namespace tensor

/// SELECT_ISA(function): the function of that name from the namespace of the chosen instruction set.
#if defined(__x86_64__)
#define SELECT_ISA(...)                                            \
  (::tensor::isa() == ::tensor::Isa::avx512 ? &avx512::__VA_ARGS__ \
   : ::tensor::isa() == ::tensor::Isa::avx2 ? &avx2::__VA_ARGS__   \
                                            : &portable::__VA_ARGS__)
#else
#define SELECT_ISA(...) (&portable::__VA_ARGS__)
#endif

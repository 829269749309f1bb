// Chains of multiply-adds that never leave the registers; compiled once per instruction set (peak.cpp).

typedef float Lanes __attribute__((vector_size(vector_bytes)));
// An FMA takes 4 to 5 cycles and two start per cycle, so ten independent chains suffice. Two registers hold a and b, two stay free.
constexpr int chains = vector_registers - 4;

/// Each chain computes z = z * a + b, `rounds` times; returns the sum of all chains, so that the compiler removes none.
inline float fma_chains(int64_t rounds, float a, float b) {
  const Lanes va = Lanes{} + a, vb = Lanes{} + b;
  Lanes z[chains];
#pragma GCC unroll 32
  for (int chain = 0; chain < chains; ++chain) z[chain] = vb * static_cast<float>(chain);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 32
    for (int chain = 0; chain < chains; ++chain) z[chain] = z[chain] * va + vb;
  }
  Lanes sum = {};
#pragma GCC unroll 32
  for (int chain = 0; chain < chains; ++chain) sum += z[chain];
  float total = 0;
  for (int lane = 0; lane < vector_bytes / 4; ++lane) total += sum[lane];
  return total;
}

inline double fma_flops_per_round() { return 2.0 * chains * (vector_bytes / 4); }

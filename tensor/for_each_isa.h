// Compiles the file named by KERNEL_FILE once for each instruction set, in a namespace of that name. No include guard, and short because a
// kernel file uses it after all its other includes, so that no library header is compiled under a target that the machine may not have:
//
//     #define KERNEL_FILE "tensor/ops/conv2d_kernel.inl"
//     #include "tensor/for_each_isa.h"
//     ... SELECT_ISA(tile<T>)(arguments) ...
//
// Inside, `vector_bytes` and `vector_registers` describe the instruction set. Kernels use plain loops that the compiler vectorizes, or
// GCC's vector extension; no lambdas (GCC does not compile them for the region's target).
namespace portable {
constexpr int vector_bytes = 16, vector_registers = 16;
#include KERNEL_FILE
}  // namespace portable

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
constexpr int vector_bytes = 32, vector_registers = 16;
#include KERNEL_FILE
}  // namespace avx2
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
namespace avx512 {
constexpr int vector_bytes = 64, vector_registers = 32;
#include KERNEL_FILE
}  // namespace avx512
#pragma GCC pop_options
#endif
#undef KERNEL_FILE

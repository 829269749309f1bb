// One window position for all channels; compiled once per instruction set (tensor/for_each_isa.h).

/// y = max(y, x), argmax = at where x is taken; the first of equals stays, NaN is greater than every number.
template <class T>
void max_row(const T* __restrict x, int32_t at, T* __restrict y, int32_t* __restrict argmax, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c) {
    const T next = x[c], best = y[c];
    // !(next <= best) is "greater or NaN"; a NaN in y stays. Bit operators, because a branch would keep the loop scalar.
    const bool better = static_cast<bool>(static_cast<int>(!(next <= best)) & static_cast<int>(best == best));
    y[c] = better ? next : best;
    argmax[c] = better ? at : argmax[c];
  }
}

// Loops over a block of rows; compiled once per instruction set (tensor/for_each_isa.h).

template <class T, class Function>
void with_row(const T* __restrict x, const T* __restrict row, T* __restrict y, int64_t rows, int64_t columns, Function function) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) y[r * columns + c] = function(x[r * columns + c], row[c]);
}

template <class T, class Function>
void with_column(const T* __restrict x, const T* __restrict column, T* __restrict y, int64_t rows, int64_t columns, Function function) {
  for (int64_t r = 0; r < rows; ++r) {
    const T value = column[r];
    for (int64_t c = 0; c < columns; ++c) y[r * columns + c] = function(x[r * columns + c], value);
  }
}

// A program outside the project, against the installed package: includes every floor and runs a few lines of it.
#include <cstdio>

#include "mode/evaluation/metrics.h"
#include "mode/training/trainer.h"
#include "mode/version.h"
#include "nn/resnet.h"
#include "tensor/parallel.h"
#include "tensor/tensor.h"

int main() {
  int64_t squares[1000] = {};
  tensor::parallel_for(1000, 10, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) squares[i] = i * i;
  });
  int64_t sum = 0;
  for (const int64_t square : squares) sum += square;
  if (sum != 332833500) return 1;
  // The library trains, or says in one line why it cannot.
  try {
    mode::Trainer({.data = "synthetic:absent", .out = "absent"});
    return 1;
  } catch (const tensor::Error&) {}
  std::printf("mode %s at %s\n", mode::version().data(), mode::commit().data());
  return 0;
}

#pragma once
// What the readers share: options taken from a data set's name, files read whole, and seeded permutations.

#include <initializer_list>
#include <string>
#include <vector>

#include "nn/data/dataset.h"

namespace nn {

/// The options of a DataSpec. The constructor refuses keys that are not known or come twice, and lists the known ones.
class Options {
 public:
  Options(const DataSpec& spec, std::vector<std::string> known);
  /// A whole number in [least, most]; `fallback` where the key is absent.
  int64_t number(const std::string& key, int64_t fallback, int64_t least, int64_t most) const;
  /// One of the choices; the first where the key is absent.
  std::string choice(const std::string& key, const std::vector<std::string>& choices) const;
  /// limit=N; `size` where it is absent or larger.
  int64_t limit(int64_t size) const;

 private:
  const std::string* find(const std::string& key) const;
  DataSpec spec_;
};

std::unique_ptr<Dataset> open_cifar10(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_cifar100(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_folder(const DataSpec& spec, const Framing& framing);

/// A regular file of at most `most` bytes. Errors name the file and the cause.
std::vector<uint8_t> read_file(const std::string& path, int64_t most);
/// The first `count` bytes, or all where there are fewer.
std::vector<uint8_t> read_start(const std::string& path, int64_t count);
int64_t file_size(const std::string& path);
bool is_file(const std::string& path);
bool is_folder(const std::string& path);

/// 0 .. n - 1 in an order that depends on (seed, counter) alone (Fisher-Yates).
std::vector<int64_t> permutation(int64_t n, uint64_t seed, uint64_t counter);

}  // namespace nn

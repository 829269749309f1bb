#pragma once
// What the readers share: options taken from a data set's name, what limit and seed choose, files read whole, seeded permutations.

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
  /// The text; empty where the key is absent.
  std::string text(const std::string& key) const;
  bool has(const std::string& key) const { return find(key) != nullptr; }
  /// limit=N; `size` where it is absent or larger.
  int64_t limit(int64_t size) const;

 private:
  const std::string* find(const std::string& key) const;
  DataSpec spec_;
};

std::unique_ptr<Dataset> open_cifar10(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_cifar100(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_svhn(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_folder(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_list(const DataSpec& spec, const Framing& framing);

/// What limit=N&seed=S keep of a set, as ascending indices. With a seed: by turns one of every class (the unlabeled are one), as far as
/// they go, classes and images in an order drawn from it. Without: the first N where the set's order is mixed; where it is sorted, as by
/// name, seed 1 is meant.
enum class Order { mixed, sorted };
std::vector<int64_t> limited(const Options& options, const std::vector<int64_t>& labels, const std::vector<std::string>& class_names,
                             Order order);

/// edge x edge x 3 pixels as the framing wants them.
void write_framed(const uint8_t* from, int64_t edge, const Framing& framing, uint8_t* to);

/// A regular file of at most `most` bytes. Errors name the file and the cause.
std::vector<uint8_t> read_file(const std::string& path, int64_t most);
/// The first `count` bytes, or all where there are fewer.
std::vector<uint8_t> read_start(const std::string& path, int64_t count);
/// The lines of a text file of at most 64 MiB, without their ends (\n or \r\n) and without a byte order mark.
std::vector<std::string> read_lines(const std::string& path);
int64_t file_size(const std::string& path);
bool is_file(const std::string& path);
bool is_folder(const std::string& path);

/// 0 .. n - 1 in an order that depends on (seed, counter) alone (Fisher-Yates).
std::vector<int64_t> permutation(int64_t n, uint64_t seed, uint64_t counter);

}  // namespace nn

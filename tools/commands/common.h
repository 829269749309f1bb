#pragma once
// What the commands share: how they fail, print and check a place before they work for it.

#include <cstdint>
#include <string>
#include <vector>

#include "mode/detectors/detectors.h"
#include "mode/detectors/features.h"
#include "nn/checkpoint.h"
#include "nn/data/dataset.h"
#include "tensor/check.h"

namespace mode::tools {

/// A command line that cannot be meant: one line on stderr, exit status 2 (every other failure: 1).
class UsageError : public tensor::Error {
 public:
  explicit UsageError(const std::string& message) : tensor::Error(message) {}
};

/// 0 = all that the machine offers to this process.
void use_threads(int threads);
/// What --device says: a word that is none is a UsageError, a device that cannot be used an Error.
tensor::Device device_of(const std::string& word);
/// "cpu", or "NVIDIA H100 80GB HBM3, sm_90, 79.1 GiB": what decides bits beside the instruction set.
std::string name_of(tensor::Device device);
/// "avx512, 2 threads, commit 1234567", before it the CUDA device: stands at the head of every long command's output.
std::string machine_line(tensor::Device device);

/// 12345 -> "12,345".
std::string with_commas(int64_t number);
/// "csd, knn".
std::string join(const std::vector<std::string>& words, const std::string& between);
/// "0:42", "12:05", "3:07:59"; "?" for what is not known.
std::string format_seconds(double seconds);
/// Values with 17 digits and a blank between them: the same doubles when read again.
std::string join_numbers(const std::vector<double>& numbers);
std::vector<double> split_numbers(const std::string& text);

/// Errors of one line when a file cannot be written there, before any work is done. The first makes the directory.
void ensure_writable_directory(const std::string& directory);
void ensure_writable_file(const std::string& path);

/// "cifar" or "imagenet"; "a", "projection" or nothing (what the paper has for the arch). Anything else is a UsageError.
nn::Stem parse_stem(const std::string& word);
nn::Shortcut parse_shortcut(const std::string& word);

/// "name=SPEC" taken apart, as --ood takes it.
struct NamedSpec {
  std::string name, spec;
};
NamedSpec parse_named_spec(const std::string& text);
/// All words of --ood. A name that cannot name a set is an Error (check_ood_names).
std::vector<NamedSpec> parse_ood(const std::vector<std::string>& words);
/// "all" or names with commas or as several words -> names, each known.
std::vector<std::string> parse_methods(const std::vector<std::string>& words);

/// The file's network, on the device; refused where neither the file nor the arguments say how images are normalized.
nn::LoadedModel load_usable_model(const std::string& path, const nn::ModelOverrides& overrides, tensor::Device device);
/// A pass over the set with a progress line of the set's name.
Features features_of(nn::LoadedModel& model, const nn::Dataset& dataset, int64_t batch, const std::string& label,
                     const std::vector<std::string>& scale_sets = csd_scale_sets());
/// Layer by layer for one image of size x size, with the sums below; columns as in nn::LayerRow.
void print_layer_table(const nn::ResNet& net, int64_t size);

}  // namespace mode::tools

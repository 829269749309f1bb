#pragma once
// Functions shared by the commands: errors, output, and checks of files before the work.

#include <cstdint>
#include <string>
#include <vector>

#include "mode/detectors/detectors.h"
#include "mode/detectors/features.h"
#include "mode/training/options.h"
#include "mode/training/run_directory.h"
#include "mode/version.h"
#include "nn/checkpoint.h"
#include "nn/data/dataset.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace mode::tools {

/// A command line that makes no sense: one line on stderr, exit status 2. Every other error exits with 1.
using UsageError = OptionError;

using nn::format_seconds;
using nn::with_commas;

/// Sets the number of CPU threads; 0: all that the machine offers to this process.
void use_threads(int threads);
/// The device of --device. An unknown word is a UsageError, a device that cannot be used an Error.
tensor::Device device_of(const std::string& word);

/// Checks before any work that the file can be written; the Error is one line.
void ensure_writable_file(const std::string& path);

/// --stem and --shortcut; unknown words are UsageErrors.
nn::Stem parse_stem(const std::string& word);
nn::Shortcut parse_shortcut(const std::string& word);

/// "name=SPEC", a value of --ood.
struct NamedSpec {
  std::string name, spec;
};
NamedSpec parse_named_spec(const std::string& text);
/// All values of --ood. An unusable name is an Error (check_ood_names).
std::vector<NamedSpec> parse_ood(const std::vector<std::string>& words);
/// The method names of --methods; "all" or no word: all methods. An unknown name is a UsageError.
std::vector<std::string> parse_methods(const std::vector<std::string>& words);

/// Loads a network to the device. Without a normalization, in the file or the overrides, it is an Error.
nn::LoadedModel load_usable_model(const std::string& path, const nn::ModelOverrides& overrides, tensor::Device device);
/// Extracts the features of a dataset, with a progress line named `label`.
Features features_of(nn::LoadedModel& model, const nn::Dataset& dataset, int64_t batch, const std::string& label,
                     const std::vector<std::string>& scale_sets = csd_scale_sets());

}  // namespace mode::tools

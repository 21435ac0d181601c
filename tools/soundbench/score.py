"""Scores what `soundbench` wrote down: PESQ (ITU-T P.862, narrowband, as MOS-LQO) in the mean of each way's trials, as a table."""

import json
import pathlib
import sys

import numpy
from pesq import pesq
from scipy.io import wavfile

RATE_HZ = 8_000
PIECE_SECONDS = 8


def score(said, heard, lag):
    heard = heard[lag:]
    scores = []
    for start in range(0, len(said) - PIECE_SECONDS * RATE_HZ + 1, PIECE_SECONDS * RATE_HZ):
        piece = slice(start, start + PIECE_SECONDS * RATE_HZ)
        scores.append(pesq(RATE_HZ, said[piece], heard[piece], "nb"))
    return numpy.mean(scores)


def main():
    folder = pathlib.Path(sys.argv[1])
    said = wavfile.read(folder / "said.wav")[1]
    ways = {}
    for trial in json.loads((folder / "trials.json").read_text()):
        heard = wavfile.read(folder / trial["file"])[1]
        lag = max(0, int(trial["delay_p50_ms"] * RATE_HZ / 1000))
        trial["mos"] = score(said, heard, lag)
        way = tuple(trial[key] for key in ("codec", "loss_percent", "burst", "jitter_ms", "drift_ppm", "stall_ms"))
        ways.setdefault(way, []).append(trial)
    print("| codec | loss, % | in a row | jitter, ms | drift, ppm | stall, ms | MOS-LQO | delay p50, ms | longest, ms | made up, % |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for (codec, loss, burst, jitter, drift, stall), trials in ways.items():
        mos = numpy.mean([trial["mos"] for trial in trials])
        p50 = numpy.median([trial["delay_p50_ms"] for trial in trials])
        longest = max(trial["delay_max_ms"] for trial in trials)
        made_up = 100 * numpy.mean([trial["concealed"] for trial in trials])
        print(f"| {codec} | {loss:g} | {burst:g} | {jitter} | {drift} | {stall} | {mos:.2f} | {p50:.0f} | {longest:.0f} | {made_up:.1f} |")

    print()
    print("| codec | depth before a stall, and 0, 1, 2, 3, 4 s after it, ms |")
    print("| --- | --- |")
    for (codec, *_, stall), trials in ways.items():
        for trial in trials if stall else []:
            print(f"| {codec} | {', '.join(format(depth, '.0f') for depth in trial['depths_ms'])} |")
    print()
    print("| sound | packets told | drift, ppm | hours | deepest, ms | missing, ms | longer, ms | shorter, ms | worst step |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for drift in json.loads((folder / "drifts.json").read_text()):
        amounts = [format(drift[key], ".0f") for key in ("depth_max_ms", "missing_ms", "lengthened_ms", "shortened_ms")]
        way = f"{drift['sound']} | {drift['told']} | {drift['drift_ppm']} | {drift['hours']:g}"
        print(f"| {way} | {' | '.join(amounts)} | {drift['worst_step']:.2f} |")


main()

"""The conformance suites: a plugin that is broken in one way fails the tests of that way, and no other."""

import xml.etree.ElementTree as ElementTree
from collections import defaultdict

import pytest

from conftest import SAMPLES
from warm_python import PYTEST

# Several seconds each, and about other things than what is broken.
PASSED_OVER = ("process", "killed", "every_codec", "compaction", "while", "threads")

EXPECTED = {
    "TestBatchDependent": {"test_the_company_makes_no_difference"},
    "TestNotTheSameAgain": {
        "test_the_same_again",
        "test_the_company_makes_no_difference",
        "test_another_one_with_the_same_provenance_gives_the_same",
    },
    "TestWrongType": {"test_the_provenance_says_what_the_descriptors_are"},
    "TestSharedBuffer": {"test_what_was_prepared_stays", "test_different_images_are_different"},
    "TestChangesTheImage": {"test_the_image_is_left_as_it_was"},
    "TestStillTheDefault": {"test_what_was_the_default_is_another_by_now"},
    "TestSquared": {"test_the_triangle_inequality_holds"},
    "TestNotSymmetric": {"test_it_is_symmetric", "test_the_triangle_inequality_holds"},
    "TestForgetsRemovals": {
        "test_what_is_removed_is_no_candidate",
        "test_removed_and_added_again",
        "test_all_are_removed",
        "test_a_snapshot_gives_the_same_again",
        "test_it_behaves_like_a_dictionary",
    },
    "TestIgnoresAllowed": {"test_only_what_is_allowed"},
    "TestWorstFirst": {
        "test_the_nearest_come_early",
        "test_an_object_is_among_its_own_first_candidates",
        "test_removed_and_added_again",
        "test_an_id_added_again_is_replaced",
    },
    "TestLosesWhatWasAddedAfterLoading": {
        "test_a_snapshot_does_not_change",
        "test_an_empty_one_is_saved",
        "test_it_behaves_like_a_dictionary",
    },
    "TestSeesNoDamage": {"test_what_is_no_snapshot_is_refused", "test_a_damaged_snapshot_is_noticed"},
    "TestSketchWorstFirst": {
        "test_the_nearest_come_first",
        "test_an_object_comes_first_for_its_own_descriptor",
        "test_distances_are_estimated",
        "test_descriptors_of_every_type",
    },
    "TestSketchSharesState": {"test_queries_have_nothing_in_common"},
    "TestSketchWidthVaries": {
        "test_rows_are_what_it_says",
        "test_the_company_makes_no_difference",
    },
    "TestSketchDependsOnTheBatch": {"test_the_company_makes_no_difference"},
    "TestPlain": set(),
    "TestNotLossless": {
        "test_what_is_encoded_is_decoded",
        "test_descriptors_of_every_length",
        "test_negative_zero_and_the_smallest_numbers",
        "test_records_in_any_order_and_form",
        "test_descriptors_that_do_not_lie_side_by_side",
        "test_the_error_is_that_of_what_is_decoded",
    },
    "TestTakesAnything": {"test_a_record_that_is_cut_short_is_named"},
    "TestStoreForgetsRemovals": {
        "test_removed_and_put_again",
        "test_any_id_of_63_bits",
        "test_it_is_there_when_opened_again",
        "test_it_is_there_when_the_other_was_not_closed",
        "test_opened_for_reading_only",
        "test_what_one_writes_the_other_reads",
        "test_it_behaves_like_a_dictionary",
    },
    "TestStoreSorts": {
        "test_what_is_put_is_got_in_the_order_asked",
        "test_any_id_of_63_bits",
        "test_ids_that_are_none",
        "test_put_again_replaces",
        "test_what_one_writes_the_other_reads",
    },
    "TestStoreFillsInWhatIsMissing": {
        "test_what_is_missing_is_named",
        "test_a_new_one_is_empty",
        "test_ids_that_are_none",
        "test_removed_and_put_again",
    },
    "TestStoreReadsOneBlock": {"test_blocks_hold_everything_once", "test_blocks_are_bounded"},
    "TestStoreIsAnybodys": {
        "test_it_hands_back_its_identity",
        "test_a_new_one_can_be_given_an_identity_before_anything_is_put",
        "test_opened_for_reading_only",
    },
    "TestCallsItselfEuclidean": {"test_the_distance_is_what_it_says"},
    "TestCallsItselfAnAngle": {"test_the_distance_is_what_it_says"},
    "TestNoticesNoChange": {"test_a_change_is_noticed"},
    "TestFindsWhatWasRemoved": {
        "test_a_closed_one_is_not_used",
        "test_a_snapshot_does_not_change",
        "test_a_snapshot_gives_the_same_again",
        "test_any_id_of_63_bits",
        "test_it_finds_what_a_plain_search_finds",
        "test_one_that_was_loaded_goes_on",
        "test_removed_and_added_again",
        "test_suggestions",
        "test_the_last_change_counts",
        "test_the_words_of_each_object_are_known_by_a_hash",
        "test_what_lies_where_nothing_can_be_written_is_loaded_and_changed",
    },
    "TestDeaf": {"test_it_leaves_no_thread_behind"},
}

ALL_THAT_ASK = {
    # Of what is wrong everywhere nearly every test hears.
    "TestTwice": "test_every_object_is_a_candidate_once",
    "TestShapeOfTheImage": "test_images_of_every_size_are_prepared_alike",
}


def outcomes(report):
    """Class → the names of its tests that failed, and how many did not."""
    failures, passed = defaultdict(set), defaultdict(int)
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.get("classname").split(".")[-1]
        if case.find("failure") is not None or case.find("error") is not None:
            failures[name].add(case.get("name").partition("[")[0])
        else:
            passed[name] += 1
    return failures, passed


@pytest.mark.slow
def test_what_is_broken_fails_the_right_tests(python, tmp_path):
    # In one test: it is one run, however many processes share the tests.
    report = tmp_path / "report.xml"
    chosen = " and ".join(f"not {word}" for word in PASSED_OVER)
    done = python.run(
        *(*PYTEST, "-p", "no:xdist", "-k", chosen),
        # Most of it fails, as it is meant to: nobody reads how, and no smaller examples of it are wanted.
        *("--tb=no", "-r", "N", "--hypothesis-profile=broken"),
        *(f"--junitxml={report}", f"--basetemp={tmp_path / 'base'}", SAMPLES / "broken_plugins.py"),
        cwd=SAMPLES.parents[1],
    )
    assert done.returncode == 1, done.stdout + done.stderr
    failures, passed = outcomes(report)
    assert {name: failures[name] for name in EXPECTED} == EXPECTED
    for name, test in ALL_THAT_ASK.items():
        assert test in failures[name]
    # Nothing in the sample is passed over, and what is not broken is found to be right.
    assert set(passed) == {*EXPECTED, *ALL_THAT_ASK}
    assert min(passed.values()) > 5
